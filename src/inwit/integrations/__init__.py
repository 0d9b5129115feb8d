"""Other people's libraries: each module here is a leaf that imports one of them and can be deleted by itself.

`stable_baselines3` and `torchrl` (extra `rl`), `hub` (extra `hub`), `onnx` (extra `export`).
"""
