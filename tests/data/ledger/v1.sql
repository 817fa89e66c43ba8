-- A ledger as tagwatch wrote it with schema 1 (two nights of redis). Frozen: never made anew.
PRAGMA application_id = 1952540535;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'tagwatch','v1_observations','2026-11-23 23:56:13.521008+00:00');
CREATE TABLE cache (
          name TEXT NOT NULL,
          key TEXT NOT NULL,
          at INTEGER NOT NULL,
          body TEXT NOT NULL,
          PRIMARY KEY (name, key)
        ) STRICT, WITHOUT ROWID
        ;
CREATE TABLE digest (
          repository_id INTEGER NOT NULL,
          id INTEGER NOT NULL,
          bytes BLOB NOT NULL,
          PRIMARY KEY (repository_id, id)
        ) STRICT, WITHOUT ROWID;
INSERT INTO "digest" VALUES(1,1,X'3E23E8160039594A33894F6564E1B1348BBD7A0088D42C4ACB73EEAED59C009D');
INSERT INTO "digest" VALUES(1,2,X'CA978112CA1BBDCAFAC231B39A23DC4DA786EFF8147C4E72B9807785AFEE48BB');
INSERT INTO "digest" VALUES(1,3,X'2E7D2C03A9507AE265ECF5B5356885A53393A2029D241394997265A1A25AEFC6');
CREATE TABLE document (
          id INTEGER PRIMARY KEY,
          digest BLOB NOT NULL UNIQUE,
          media_type TEXT NOT NULL,
          raw BLOB NOT NULL
        ) STRICT;
INSERT INTO "document" VALUES(1,X'BAFEBD36189AD3688B7B3915EA55D461E0BFCFBDDE11E54B0A123999FB6BE50F','application/vnd.oci.image.manifest.v1+json',X'789CAB562A4ECE48CD4D0C4B2D2ACECCCF53B232AA050048120700');
CREATE TABLE evidence (
          key TEXT NOT NULL,
          source TEXT NOT NULL,
          at INTEGER,
          body TEXT NOT NULL,
          PRIMARY KEY (key, source)
        ) STRICT;
INSERT INTO "evidence" VALUES('docker.io/library/redis:7','seen',1767232800000000,'{"key":"docker.io/library/redis:7","resolution":{"input":"redis:7","status":"resolved","version":"7.4.1"},"at":"2026-01-01T02:00:00Z"}');
CREATE TABLE finding (
          fingerprint TEXT PRIMARY KEY,
          rule TEXT NOT NULL,
          severity TEXT NOT NULL,
          first_seen INTEGER NOT NULL,
          last_seen INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
CREATE TABLE interval (
          repository_id INTEGER NOT NULL,
          tag_id INTEGER NOT NULL,
          n INTEGER NOT NULL,
          digest_id INTEGER NOT NULL,
          first_seen INTEGER NOT NULL,
          last_seen INTEGER,   -- both null while it is open
          ended_at INTEGER,
          version TEXT,
          verdict TEXT,
          PRIMARY KEY (repository_id, tag_id, n)
        ) STRICT, WITHOUT ROWID;
INSERT INTO "interval" VALUES(1,1,1,1,1767232800000000,1767232800000000,1767405600000000,NULL,NULL);
INSERT INTO "interval" VALUES(1,2,1,2,1767232800000000,1767232800000000,1767405600000000,'7.4.0',NULL);
INSERT INTO "interval" VALUES(1,2,2,3,1767405600000000,NULL,NULL,'7.4.1','upgraded');
INSERT INTO "interval" VALUES(1,3,1,2,1767232800000000,NULL,NULL,'7.4.0',NULL);
INSERT INTO "interval" VALUES(1,4,1,3,1767405600000000,NULL,NULL,NULL,NULL);
CREATE TABLE move (
          repository_id INTEGER NOT NULL,
          tag_id INTEGER NOT NULL,
          n INTEGER NOT NULL,  -- the interval that the move began
          before_id INTEGER NOT NULL,
          run_id INTEGER NOT NULL,
          change BLOB,         -- null until it was explained
          PRIMARY KEY (repository_id, tag_id, n)
        ) STRICT, WITHOUT ROWID;
INSERT INTO "move" VALUES(1,2,2,2,2,X'789C4D8F4B6E03310886EFE2751361B08D3DE7C82A9B0A639C66D35493693751EF5E46551F121BFEC72778844D2E61091C9E42B7795BCD97FB8B602E8B4AE31A23AAC4DE87CA14458A9D9A200D4D43B8169BB3C6C49A8CB1B70ACC35CB344BB57747CADC6CFD23A2F14005929681C5B064D3997BA65CAAF732512341C03630456AA935F68C442F8B4D2D3B71739C47CA01E201E804B800F89CDDFBB0755C750FBCBF5D561936BEC5FBF5F6FAFCFB1D1FD311FE193F37EE7A0C9F5F346E4D22');
CREATE TABLE outbox (
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          dedup_key TEXT NOT NULL UNIQUE,
          channel TEXT NOT NULL,
          payload TEXT NOT NULL,
          state TEXT NOT NULL,
          tries INTEGER NOT NULL DEFAULT 0,
          at INTEGER NOT NULL,
          next_at INTEGER NOT NULL,
          claimed_at INTEGER,
          settled_at INTEGER,
          error TEXT NOT NULL DEFAULT ''
        ) STRICT;
INSERT INTO "outbox" VALUES(1,'k','slack','{}','pending',0,1767232800000000,1767232800000000,NULL,NULL,'');
CREATE TABLE repository (
          id INTEGER PRIMARY KEY,
          registry TEXT NOT NULL,
          path TEXT NOT NULL,
          watermark TEXT,
          full_at INTEGER,     -- the last complete listing of every tag
          covered_at INTEGER,  -- until then every open interval is known to have lasted
          swept_at INTEGER,    -- the same, by listings that would have shown a deletion
          UNIQUE (registry, path)
        ) STRICT;
INSERT INTO "repository" VALUES(1,'docker.io','library/redis','2026-01-03',1767405600000000,1767405600000000,1767405600000000);
CREATE TABLE repository_document (
          repository_id INTEGER NOT NULL,
          document_id INTEGER NOT NULL,
          PRIMARY KEY (repository_id, document_id)
        ) STRICT, WITHOUT ROWID;
INSERT INTO "repository_document" VALUES(1,1);
CREATE TABLE run (
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          kind TEXT NOT NULL,
          at INTEGER NOT NULL,
          finished_at INTEGER,
          complete INTEGER,
          errors INTEGER NOT NULL DEFAULT 0,
          warnings INTEGER NOT NULL DEFAULT 0,
          notes INTEGER NOT NULL DEFAULT 0,
          result BLOB
        ) STRICT;
INSERT INTO "run" VALUES(1,'scan',1767232800000000,1767232800000000,1,0,0,0,X'789CAB564A2C51B25232323032D3353004A21003232B0303208A52AA0500669006BA');
INSERT INTO "run" VALUES(2,'scan',1767405600000000,1767405600000000,1,0,0,0,X'789CAB564A2C51B25232323032D33530D435300E3130B2323000A228A55A0066AA06BC');
CREATE TABLE tag (
          repository_id INTEGER NOT NULL,
          name TEXT NOT NULL,
          id INTEGER NOT NULL,
          n INTEGER NOT NULL,  -- its newest interval of our own; 0 where there is none
          seen_at INTEGER,     -- asked for by itself, later than the repository was covered
          PRIMARY KEY (repository_id, name)
        ) STRICT, WITHOUT ROWID;
INSERT INTO "tag" VALUES(1,'6',1,1,NULL);
INSERT INTO "tag" VALUES(1,'7',2,2,NULL);
INSERT INTO "tag" VALUES(1,'7.4.0',3,1,NULL);
INSERT INTO "tag" VALUES(1,'7.4.1',4,1,NULL);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX digest_prefix ON digest (substr(bytes, 1, 4));
CREATE INDEX move_run ON move (run_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('run',2);
INSERT INTO "sqlite_sequence" VALUES('outbox',1);
COMMIT;
PRAGMA user_version = 1;
