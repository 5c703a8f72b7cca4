"""Repair: candidates, plan, proof on the planned after-environment, transaction, history, rollback.

The words: a **target** says what an environment is to become; the **after-environment** is that as a value; a
**transaction** makes it real or leaves everything as it was.
"""
