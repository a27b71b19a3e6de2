BEGIN TRANSACTION;
CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
INSERT INTO "grdb_migrations" VALUES('guardian-0001-queue');
INSERT INTO "grdb_migrations" VALUES('guardian-0002-two-sides');
INSERT INTO "grdb_migrations" VALUES('guardian-0003-tallies');
INSERT INTO "grdb_migrations" VALUES('guardian-0004-sealing');
INSERT INTO "grdb_migrations" VALUES('guardian-0005-search');
INSERT INTO "grdb_migrations" VALUES('guardian-0006-feeds');
INSERT INTO "grdb_migrations" VALUES('guardian-0007-ended-changes');
INSERT INTO "grdb_migrations" VALUES('guardian-0008-claims');
CREATE TABLE guardian_alias (
    entity_type TEXT NOT NULL, local_id TEXT NOT NULL, server_id TEXT NOT NULL, is_number INTEGER NOT NULL,
    at INTEGER NOT NULL, PRIMARY KEY (entity_type, local_id)
) WITHOUT ROWID;
INSERT INTO "guardian_alias" VALUES('room','local-0','77',1,1760000000800);
CREATE TABLE guardian_books (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    accepted INTEGER NOT NULL, processed INTEGER NOT NULL, coalesced INTEGER NOT NULL, cancelled INTEGER NOT NULL,
    expired INTEGER NOT NULL, cleared INTEGER NOT NULL, failed INTEGER NOT NULL, next_seq INTEGER NOT NULL
);
INSERT INTO "guardian_books" VALUES(1,12,1,0,0,0,0,3,13);
CREATE TABLE guardian_claim (operation INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, claimed_at INTEGER NOT NULL);
INSERT INTO "guardian_claim" VALUES(4,3,1760000004000);
CREATE TABLE guardian_entity (line INTEGER PRIMARY KEY, at INTEGER NOT NULL, etag TEXT, gone INTEGER NOT NULL, state TEXT, marks TEXT, passed_at INTEGER);
INSERT INTO "guardian_entity" VALUES(5047883270306558590,1760000000900,'"7"',0,'{"temperature":20}','{"version":7}',NULL);
CREATE TABLE guardian_feed (name TEXT PRIMARY KEY, cursor TEXT, at INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "guardian_feed" VALUES('changes','42',1760000000950);
CREATE TABLE guardian_ledger (
    number INTEGER PRIMARY KEY,
    id NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    idempotency_key BLOB NOT NULL,
    at INTEGER NOT NULL,
    ending INTEGER NOT NULL,
    merged_into,
    answer TEXT
);
INSERT INTO "guardian_ledger" VALUES(1,'delivered',1,X'A0000001000140019001000000000001',1760000000900,0,NULL,'{"ok":true}');
CREATE TABLE guardian_line (line INTEGER PRIMARY KEY, last INTEGER NOT NULL);
INSERT INTO "guardian_line" VALUES(-7818548971163191738,11);
INSERT INTO "guardian_line" VALUES(-4345808257519356242,6);
INSERT INTO "guardian_line" VALUES(-2806200545711576632,7);
INSERT INTO "guardian_line" VALUES(-557673368838841927,4);
INSERT INTO "guardian_line" VALUES(4288252990530425167,9);
INSERT INTO "guardian_line" VALUES(5047883270306558590,3);
INSERT INTO "guardian_line" VALUES(5857229965721652012,8);
INSERT INTO "guardian_line" VALUES(6825224291944661673,12);
INSERT INTO "guardian_line" VALUES(7226122306669989206,1);
CREATE TABLE guardian_lock (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    epoch INTEGER NOT NULL, owner TEXT, heartbeat_at INTEGER NOT NULL, acquired_at INTEGER NOT NULL
);
INSERT INTO "guardian_lock" VALUES(1,3,'gateway-0199c82c',1760000004000,1760000000000);
CREATE TABLE guardian_open_create (
    entity_type TEXT NOT NULL, entity_id TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (entity_type, entity_id, seq)
) WITHOUT ROWID;
INSERT INTO "guardian_open_create" VALUES('room','local-1',10);
CREATE TABLE guardian_operation (
    seq INTEGER PRIMARY KEY,
    id NOT NULL UNIQUE,
    line INTEGER NOT NULL,
    previous INTEGER,
    next INTEGER,
    status INTEGER NOT NULL,
    head INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    claim_epoch INTEGER,
    idempotency_key BLOB NOT NULL,
    trace_id BLOB NOT NULL,
    operation_type TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    ordering_key TEXT,
    txn_token TEXT,
    principal TEXT,
    schema_version INTEGER NOT NULL,
    not_before INTEGER,
    expires_at INTEGER,
    enqueued_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    attempt_count INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    last_attempt_at INTEGER,
    attempted_before INTEGER,
    next_retry_at INTEGER,
    backoff_ms INTEGER NOT NULL,
    failure_mark INTEGER,
    error_class TEXT,
    error_code TEXT,
    error_status INTEGER,
    error_message TEXT,
    base TEXT,
    payload TEXT,
    entity_line INTEGER,
    crashes INTEGER,
    unknown_at INTEGER
, rounds INTEGER, if_match TEXT, server_etag TEXT, server_gone INTEGER, server_state TEXT, error_shape INTEGER);
INSERT INTO "guardian_operation" VALUES(2,X'0199C82C000270028002000000000002',5047883270306558590,NULL,3,0,1,0,1760000005000,NULL,X'A0000002000240029002000000000002',X'B0000002000240029002000000000002','update','room','r1',NULL,NULL,NULL,1,NULL,NULL,1760000000002,1760000003100,1,1,1760000003000,NULL,1760000005000,1900,NULL,'transient','HTTP_503',503,'busy',NULL,'{"temperature":21}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "guardian_operation" VALUES(3,X'0199C82C000370038003000000000003',5047883270306558590,2,NULL,0,0,0,0,NULL,X'A0000003000340039003000000000003',X'B0000003000340039003000000000003','update','room','r1',NULL,NULL,NULL,1,NULL,NULL,1760000000003,1760000000003,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,'{"temperature":22}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "guardian_operation" VALUES(4,'in-hand',-557673368838841927,NULL,NULL,0,1,0,0,NULL,X'A0000004000440049004000000000004',X'B0000004000440049004000000000004','update','room','r2',NULL,NULL,NULL,1,NULL,NULL,1760000000004,1760000000004,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "guardian_operation" VALUES(5,X'0199C82C000570058005000000000005',5857229965721652012,NULL,NULL,2,0,0,0,NULL,X'A0000005000540059005000000000005',X'B0000005000540059005000000000005','update','room','r3',NULL,NULL,NULL,1,NULL,NULL,1760000000005,1760000002100,1,1,1760000002000,NULL,NULL,0,NULL,'permanent','HTTP_422',422,'temperature -300 is out of range',NULL,'{"temperature":-300}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,316695505925429036);
INSERT INTO "guardian_operation" VALUES(6,X'0199C82C000670068006000000000006',-4345808257519356242,NULL,NULL,2,0,0,0,NULL,X'A0000006000640069006000000000006',X'B0000006000640069006000000000006','update','heart_rate','h1',NULL,NULL,NULL,1,NULL,NULL,1760000000006,1760000002100,1,1,1760000002000,NULL,NULL,0,NULL,'permanent','HTTP_404',404,'',NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,-734807965151715013);
INSERT INTO "guardian_operation" VALUES(7,X'0199C82C000770078007000000000007',-2806200545711576632,NULL,NULL,0,1,5,1760000006000,NULL,X'A0000007000740079007000000000007',X'B0000007000740079007000000000007','update','room','r4','ward/7',NULL,NULL,1,1760000006000,NULL,1760000000007,1760000000007,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,'{"temperature":19}','{"temperature":20}',4296653937525549,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "guardian_operation" VALUES(8,'a-delete',5857229965721652012,NULL,NULL,0,1,0,0,NULL,X'A0000008000840089008000000000008',X'B0000008000840089008000000000008','delete','room','r3',NULL,NULL,NULL,1,NULL,NULL,1760000000008,1760000000008,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "guardian_operation" VALUES(9,X'0199C82C000970098009000000000009',4288252990530425167,NULL,NULL,0,1,0,2305843009213693951,NULL,X'A0000009000940099009000000000009',X'B0000009000940099009000000000009','update','room','r5',NULL,NULL,'7e1f2c',1,NULL,NULL,1760000000009,1760000000009,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,'{}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "guardian_operation" VALUES(10,X'0199C82C000A700A800A00000000000A',-7818548971163191738,NULL,11,0,1,0,0,NULL,X'A000000A000A400A900A00000000000A',X'B000000A000A400A900A00000000000A','create','room','local-1',NULL,'edit-1',NULL,1,NULL,NULL,1760000000010,1760000000010,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,'{"temperature":18}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "guardian_operation" VALUES(11,X'0199C82C000B700B800B00000000000B',-7818548971163191738,10,NULL,0,0,0,4611686018427387903,NULL,X'A000000B000B400B900B00000000000B',X'B000000B000B400B900B00000000000B','update','room','local-1',NULL,NULL,NULL,1,NULL,NULL,1760000000011,1760000000011,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,'{"temperature":17}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "guardian_operation" VALUES(12,X'0199C82C000C700C800C00000000000C',6825224291944661673,NULL,NULL,2,0,0,0,NULL,X'A000000C000C400C900C00000000000C',X'B000000C000C400C900C00000000000C','update','room','r6',NULL,NULL,NULL,1,NULL,NULL,1760000000012,1760000002100,1,1,1760000002000,NULL,NULL,0,NULL,'conflict','HTTP_412',412,'not settled in 3 rounds','{"temperature":15}','{"temperature":16}',NULL,NULL,NULL,3,'"4"','"5"',0,'{"temperature":14}',-4531846542393322398);
CREATE TABLE guardian_optimistic (
    number INTEGER PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,
    entity_type TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    original TEXT,
    depends_on TEXT,
    registered_at INTEGER NOT NULL,
    standing INTEGER NOT NULL
);
INSERT INTO "guardian_optimistic" VALUES(1,'edit-1','room','local-1',NULL,NULL,1760000000010,0);
CREATE TABLE guardian_optimistic_ending (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    token TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    original TEXT,
    depends_on TEXT,
    at INTEGER NOT NULL,
    error_class TEXT,
    error_code TEXT,
    error_status INTEGER,
    error_message TEXT,
    state TEXT
);
INSERT INTO "guardian_optimistic_ending" VALUES(1,'edit-0','room','local-0',NULL,NULL,1760000000800,NULL,NULL,NULL,NULL,'{"temperature":1}');
CREATE TABLE guardian_pause (reason TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE guardian_reference (
    entity_type TEXT NOT NULL, entity_id TEXT NOT NULL, seq INTEGER NOT NULL, field TEXT NOT NULL,
    PRIMARY KEY (entity_type, entity_id, seq, field)
) WITHOUT ROWID;
INSERT INTO "guardian_reference" VALUES('room','local-1',11,'');
CREATE TABLE guardian_seal (key_id BLOB PRIMARY KEY, at INTEGER NOT NULL, active INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE guardian_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "guardian_setting" VALUES('device_id','0d5b1f9e-3f0c-4c8e-9a57-6f2f6a6d2c11');
INSERT INTO "guardian_setting" VALUES('ordering','entity');
CREATE TABLE guardian_tally (
    kind INTEGER NOT NULL, operation_type TEXT NOT NULL, entity_type TEXT NOT NULL, error_class TEXT NOT NULL,
    count INTEGER NOT NULL, PRIMARY KEY (kind, operation_type, entity_type, error_class)
) WITHOUT ROWID;
INSERT INTO "guardian_tally" VALUES(0,'update','room','',1);
INSERT INTO "guardian_tally" VALUES(1,'update','heart_rate','permanent',1);
INSERT INTO "guardian_tally" VALUES(1,'update','room','conflict',1);
INSERT INTO "guardian_tally" VALUES(1,'update','room','permanent',1);
INSERT INTO "guardian_tally" VALUES(2,'update','room','',1);
CREATE TABLE guardian_upstream (
    only INTEGER PRIMARY KEY CHECK (only = 1), open_until INTEGER, hold_until INTEGER, trips INTEGER NOT NULL,
    plague_since INTEGER, plague_status INTEGER
);
INSERT INTO "guardian_upstream" VALUES(1,NULL,NULL,2,NULL,NULL);
CREATE INDEX guardian_operation_head ON guardian_operation(status, priority, due_at, seq) WHERE head = 1;
CREATE INDEX guardian_operation_failed ON guardian_operation(seq) WHERE status = 2;
CREATE INDEX guardian_operation_failed_line ON guardian_operation(line, seq) WHERE status = 2;
CREATE INDEX guardian_operation_entity ON guardian_operation(entity_line, seq) WHERE entity_line IS NOT NULL;
CREATE INDEX guardian_operation_principal ON guardian_operation(principal, seq) WHERE principal IS NOT NULL;
CREATE INDEX guardian_operation_token ON guardian_operation(txn_token, seq) WHERE txn_token IS NOT NULL;
CREATE INDEX guardian_optimistic_entity ON guardian_optimistic(entity_type, entity_id);
CREATE INDEX guardian_optimistic_dependent ON guardian_optimistic(depends_on) WHERE depends_on IS NOT NULL;
CREATE INDEX guardian_alias_age ON guardian_alias(at);
CREATE UNIQUE INDEX guardian_open_create_seq ON guardian_open_create(seq);
CREATE INDEX guardian_reference_seq ON guardian_reference(seq);
CREATE INDEX guardian_operation_error ON guardian_operation(error_class, seq) WHERE error_class IS NOT NULL;
CREATE INDEX guardian_operation_shape ON guardian_operation(error_shape, seq) WHERE status = 2;
CREATE INDEX guardian_entity_passed ON guardian_entity(passed_at) WHERE passed_at IS NOT NULL;
CREATE INDEX guardian_optimistic_ended ON guardian_optimistic(registered_at, number) WHERE standing <> 0;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('guardian_optimistic_ending',1);
COMMIT;
