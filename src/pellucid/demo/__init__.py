"""The offline example of `pellucid demo`: why a small network predicts who survived the Titanic."""
