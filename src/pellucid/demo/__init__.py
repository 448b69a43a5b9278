"""The offline example behind `pellucid demo`: why a small network predicts who survived the Titanic."""
