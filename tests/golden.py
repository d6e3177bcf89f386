"""Golden vectors of the pseudonyms: fixed inputs, fixed outputs, the same in Python and on every engine.

Computed once. When one of these changes, every pseudonym in every warehouse has changed with it.
"""

SECRET = "golden vectors of clientele: 32 bytes or more"
KEY_MATERIAL = {
    "user_inner": "50f6ce87caf2d8f4d6f2caab9a39cbd16916b3775aedba96dd1cc9f10d29b886",
    "user_outer": "246fd6616def5b70087db651c40e2a9f872c09241f1974db74784e370465b7e8",
    "session": "ff5206d2294cbec4fe812a4c2b525881",
}
# user_id, user_key, user_sk
USERS = [
    ("541312140", "55a2b9de8ea89c61db972f7645384a3c", 385668675311143366),
    ("0", "1e6bd2906001add2f48fbe38698811f3", 137004822573357789),
    ("-1", "72cce06a6e00860f5926c61a64a0934f", 517014585205590112),
    ("9223372036854775807", "53ba2963ed87fbc98e0a0b2e7d957065", 377073759998738364),
]
# user_session, session_sk
SESSIONS = [
    ("72d76fde-8bb3-4e00-8c23-a032dfed738c", 5887689529312433),
    ("séance n° 1 · 日本", 791496774395395362),
    ("", 606841014814427714),
]

# The key ring of a warehouse, and the tombstones under it: user_id, erased_hash.
# When one of these changes, erased customers come back.
RING = {
    "epoch": 1,
    "erased_inner": "a" * 64,
    "erased_outer": "b" * 64,
    "session": "c" * 32,
    "session_mask": 0,
}
TOMBSTONES = [
    ("541312140", "fe5933ba323f173b30ed54907c8fe675"),
    ("-1", "4b7f93d7362d1ea86a79eb5d2d759a60"),
]
# RING under SECRET as the first warehouses have it sealed.
SEALED_BEFORE = (
    "v1.ca26509b11080d542fc36f4651cb1a65."
    "ead7561e8934f244c2162ffa4cc5441a0cafbfe2dd907faa0ecac12520373b3d0226e29cc7b162249f712893082c732a75f3302a"
    "fe30bd0c2e76727433eecfba871be5ff84f337bbb3ff672e266339e5bc2364fd468d0cf7efdcda74fedd5a0a936d2e1b1313e92b"
    "6ab27119e2c3d95d5d2327db888ee33ee371cbbe4f67d1caf2e8e79f834b65f9100019335d037b1eda216ee8afae307fe527da3d"
    "f4342ad9edfba21526ba3672b36d1ada0dc34292e950ff73245e1a508b23f5973dbe32dfcf818562c501c6015e82381ada3eca43"
    "4256d9adda637e0b91ca613245a3e36a6052b08dc0c129ce8e820386f6357755906a840065fa."
    "9a663419aacbb8bc8ba353aa3d60665ff09fe327a58687474346561dae3b3115"
)
