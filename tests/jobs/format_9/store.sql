PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE job (
	id VARCHAR NOT NULL, 
	inbox VARCHAR NOT NULL, 
	project VARCHAR NOT NULL, 
	folder VARCHAR NOT NULL, 
	room VARCHAR NOT NULL, 
	title VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	hint VARCHAR NOT NULL, 
	charged VARCHAR NOT NULL, 
	route VARCHAR, 
	recipe VARCHAR NOT NULL, 
	origin VARCHAR NOT NULL, 
	generation INTEGER NOT NULL, 
	scope VARCHAR NOT NULL, 
	group_id VARCHAR, 
	api_project_id VARCHAR, 
	filed_as VARCHAR, 
	receipt VARCHAR NOT NULL, 
	receipt_sha256 VARCHAR NOT NULL, 
	created_at VARCHAR NOT NULL, 
	updated_at VARCHAR NOT NULL, 
	finished_at VARCHAR, 
	cancelled_by VARCHAR NOT NULL, 
	priority INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO job VALUES('ugmbvta6','inbox','12 Elm Road','living-room__sky-twilight','living-room','12 Elm Road','editing','','','',NULL,'{"merge":true,"hdr":{"lens_correction":true,"perspective_correction":true,"photographer_removal":true},"operations":[{"kind":"sky","sky_type":"twilight","sky_sub_type":"middle","resolution":"high"}],"variants":[],"delivery":{"name":"{room}__{tags}","folders":"flat","renditions":{},"metadata":"all","originals":"keep"},"taken_on":"","notes":[]}','http://127.0.0.1:28801',0,'dec8fbb81bca3c80affe19979255176cde8e3baad0c24c5a1b61b909bdcb99e2','375125a8-d8f4-45c4-817d-1fcfed61b1cc','be62fd74-e7a3-47bd-9677-d25b456fc50c',NULL,'','','2026-11-26T22:30:50.942+00:00','2026-11-26T22:30:51.755+00:00',NULL,'',1);
CREATE TABLE call (
	id INTEGER NOT NULL, 
	uid VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	job_id VARCHAR NOT NULL, 
	inbox VARCHAR NOT NULL, 
	project VARCHAR NOT NULL, 
	operation VARCHAR NOT NULL, 
	parameters VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	group_id VARCHAR, 
	api_project_id VARCHAR, 
	image_id VARCHAR, 
	photos VARCHAR NOT NULL, 
	answer VARCHAR, 
	note VARCHAR NOT NULL, 
	started_at VARCHAR NOT NULL, 
	answered_at VARCHAR, 
	job_let_go_at VARCHAR, 
	PRIMARY KEY (id), 
	UNIQUE (uid)
);
INSERT INTO call VALUES(1,'39008d27f328e6f4','8e7e27ca982796b7f999ee5197c79aec9c198c64a5dfa18b3864b2cf2ff99799','ugmbvta6','inbox','12 Elm Road','merge','{"lensCorrection":true,"perspectiveCorrection":true,"photographerRemoval":true}','succeeded','375125a8-d8f4-45c4-817d-1fcfed61b1cc','be62fd74-e7a3-47bd-9677-d25b456fc50c',NULL,'a456248ed24c93bc1c9cac3604740eaad9e66adacd43d4fafbcc067ee441c6f1 d5a226ca5be3c32fd174399fa828293b52f900b521e16708b4e0b53e1fb12924 f71a58fa322b959ce69d27fe7f170d0bc3a29225da13bfa31d35609084fdb6e2','{"status": 200, "body": "{}"}','','2026-11-26T22:30:51.171+00:00','2026-11-26T22:30:51.211+00:00',NULL);
INSERT INTO call VALUES(2,'18097dbdd93fde99','a0493c06040ada334c6ebed1688699f95a90beb056e8d71f7288c8c9f98a2164','ugmbvta6','inbox','12 Elm Road','sky','{"kind":"sky","skyType":"twilight","skySubType":"middle","resolution":"high"}','succeeded',NULL,NULL,'img_e0e0aaff280d4730b21a3334c0d1c91b','','{"status": 200, "body": "{\"success\":true,\"data\":[{\"id\":\"res_0dbb7e726ed34fadbfb45d1e80ddad5a\",\"imageUrl\":\"http://127.0.0.2:28801/stager-final-results/res_0dbb7e726ed34fadbfb45d1e80ddad5a.png?X-Sandbox-Expires=1795735851.831&X-Sandbox-Signature=3981d89bc1655ee795ad58cb2e2c05c3bf651ac113859125551b226cb9712bbe\",\"width\":160,\"height\":120}]}"}','','2026-11-26T22:30:51.791+00:00','2026-11-26T22:30:51.833+00:00',NULL);
CREATE TABLE apiproject (
	origin VARCHAR NOT NULL, 
	inbox VARCHAR NOT NULL, 
	project VARCHAR NOT NULL, 
	api_id VARCHAR NOT NULL, 
	PRIMARY KEY (origin, inbox, project)
);
INSERT INTO apiproject VALUES('http://127.0.0.1:28801','inbox','12 Elm Road','be62fd74-e7a3-47bd-9677-d25b456fc50c');
CREATE TABLE generation (
	scope VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	let_go_at VARCHAR, 
	PRIMARY KEY (scope)
);
CREATE TABLE projectpriority (
	inbox VARCHAR NOT NULL, 
	project VARCHAR NOT NULL, 
	level INTEGER NOT NULL, 
	PRIMARY KEY (inbox, project)
);
CREATE TABLE moment (
	id INTEGER NOT NULL, 
	job_id VARCHAR NOT NULL, 
	at VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO moment VALUES(1,'ugmbvta6','2026-11-26T22:30:50.942+00:00','queued','');
INSERT INTO moment VALUES(2,'ugmbvta6','2026-11-26T22:30:50.994+00:00','uploading','');
INSERT INTO moment VALUES(3,'ugmbvta6','2026-11-26T22:30:51.141+00:00','merging','');
INSERT INTO moment VALUES(4,'ugmbvta6','2026-11-26T22:30:51.755+00:00','editing','');
CREATE TABLE bulletin (
	name VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	updated_at VARCHAR NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO bulletin VALUES('identity','"3f7a8ecd66fb74c1a9124c2cb7d94806"','2026-11-26T22:30:50.390+00:00');
INSERT INTO bulletin VALUES('daemon','{"pid": 25611, "trouble": null, "paused": null, "schedule": "", "sandbox": false, "waits": {}}','2026-11-26T22:30:50.522+00:00');
INSERT INTO bulletin VALUES('settings','{"error": "", "restart": []}','2026-11-26T22:30:50.549+00:00');
INSERT INTO bulletin VALUES('place of inbox inbox','{"path": "/tmp/fmt9/out/results_recorded-2/inbox", "place": [65024, 11211477]}','2026-11-26T22:30:50.609+00:00');
INSERT INTO bulletin VALUES('place of folder done','{"path": "/tmp/fmt9/out/results_recorded-2/done", "device": 65024, "inode": 11210971, "mount": "/"}','2026-11-26T22:30:50.667+00:00');
INSERT INTO bulletin VALUES('place of folder failed','{"path": "/tmp/fmt9/out/results_recorded-2/failed", "device": 65024, "inode": 11210972, "mount": "/"}','2026-11-26T22:30:50.746+00:00');
INSERT INTO bulletin VALUES('folders','{"done": "", "failed": ""}','2026-11-26T22:30:50.805+00:00');
INSERT INTO bulletin VALUES('inboxes','{"inbox": {"arriving": [{"project": "12 Elm Road", "folder": "living-room__sky-twilight", "room": "living-room", "reason": "3 photos, quiet for 0 of 0.4 s", "held": false}], "notices": [], "degraded": "", "why_looking": ""}}','2026-11-26T22:30:50.892+00:00');
CREATE TABLE jobfile (
	job_id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	role VARCHAR NOT NULL, 
	position INTEGER NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	mtime_ns BIGINT NOT NULL, 
	ctime_ns BIGINT NOT NULL, 
	inode BIGINT NOT NULL, 
	format VARCHAR NOT NULL, 
	exposure_value FLOAT, 
	is_middle BOOLEAN NOT NULL, 
	let_go_at VARCHAR, 
	develop VARCHAR NOT NULL, 
	shot VARCHAR NOT NULL, 
	PRIMARY KEY (job_id, name), 
	FOREIGN KEY(job_id) REFERENCES job (id)
);
INSERT INTO jobfile VALUES('ugmbvta6','DSC0001.jpg','photo',0,'a456248ed24c93bc1c9cac3604740eaad9e66adacd43d4fafbcc067ee441c6f1',9645,1795732250116821900,1795732250116821900,11211726,'JPEG',NULL,0,NULL,'','{"size":[160,120,1],"brightness":0.5,"signature":""}');
INSERT INTO jobfile VALUES('ugmbvta6','DSC0002.jpg','photo',1,'d5a226ca5be3c32fd174399fa828293b52f900b521e16708b4e0b53e1fb12924',9694,1795732250117728663,1795732250117728663,11211789,'JPEG',NULL,1,NULL,'','{"size":[160,120,1],"brightness":0.5,"signature":""}');
INSERT INTO jobfile VALUES('ugmbvta6','DSC0003.jpg','photo',2,'f71a58fa322b959ce69d27fe7f170d0bc3a29225da13bfa31d35609084fdb6e2',9690,1795732250118454055,1795732250118454055,11211826,'JPEG',NULL,0,NULL,'','{"size":[160,120,1],"brightness":0.5,"signature":""}');
CREATE TABLE result (
	call_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	file VARCHAR NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	format VARCHAR NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	answer_id VARCHAR NOT NULL, 
	PRIMARY KEY (call_id, position), 
	FOREIGN KEY(call_id) REFERENCES call (id)
);
INSERT INTO result VALUES(1,0,'8e7e27ca982796b7f999ee51-1-0.jpg','499c96beef283d4e5a03709e0f2303b9f9ab065af8f1a11fd2e2c14b8e5d5cc7',10196,'JPEG',160,120,'');
INSERT INTO result VALUES(2,0,'a0493c06040ada334c6ebed1-2-0.png','074d889fbf8f740bd3742561226c99e4291eb0ac97f764e1e87ee5da69b151c7',49419,'PNG',160,120,'res_0dbb7e726ed34fadbfb45d1e80ddad5a');
CREATE TABLE picture (
	job_id VARCHAR NOT NULL, 
	path VARCHAR NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	altered VARCHAR NOT NULL, 
	rendition VARCHAR NOT NULL, 
	variant VARCHAR NOT NULL, 
	PRIMARY KEY (job_id, path), 
	FOREIGN KEY(job_id) REFERENCES job (id)
);
CREATE INDEX ix_job_created_at ON job (created_at);
CREATE INDEX ix_job_scope ON job (scope);
CREATE INDEX ix_job_project ON job (project);
CREATE INDEX ix_job_state ON job (state);
CREATE INDEX ix_job_inbox ON job (inbox);
CREATE INDEX ix_call_project ON call (project);
CREATE INDEX ix_call_started_at ON call (started_at);
CREATE INDEX ix_call_job_id ON call (job_id);
CREATE UNIQUE INDEX one_call_per_key ON call ("key") WHERE state IN ('started', 'answered', 'succeeded', 'unknown');
CREATE INDEX ix_moment_job_id ON moment (job_id);
COMMIT;
