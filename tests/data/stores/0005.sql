PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES('0005');
CREATE TABLE counters (
	name VARCHAR NOT NULL, 
	value BIGINT NOT NULL, 
	CONSTRAINT pk_counters PRIMARY KEY (name), 
	CONSTRAINT ck_counters_value CHECK (value >= 0)
);
INSERT INTO counters VALUES('generation',5);
INSERT INTO counters VALUES('change',6);
INSERT INTO counters VALUES('revision',6);
CREATE TABLE gateways (
	id VARCHAR NOT NULL, 
	region VARCHAR NOT NULL, 
	connected BOOLEAN NOT NULL, 
	connected_at DATETIME NOT NULL, 
	disconnected_at DATETIME, 
	acknowledged_generation BIGINT NOT NULL, 
	acknowledged_at DATETIME, 
	error TEXT, 
	error_generation BIGINT, 
	CONSTRAINT pk_gateways PRIMARY KEY (id)
);
INSERT INTO gateways VALUES('local-1f0b8f','local',0,'2026-11-23 16:11:05.990591','2026-11-23 16:11:44.758655',5,'2026-11-23 16:11:35.371164',NULL,NULL);
CREATE TABLE openapi_specs (
	id VARCHAR NOT NULL, 
	format VARCHAR NOT NULL, 
	size INTEGER NOT NULL, 
	document BLOB NOT NULL, 
	CONSTRAINT pk_openapi_specs PRIMARY KEY (id)
);
INSERT INTO openapi_specs VALUES('5bb5bf4479582b11c69b1217ab6e847684df543cb6edbcfc99a4ffd599d7c22c','json',862,X'7b226f70656e617069223a2022332e312e30222c2022696e666f223a207b227469746c65223a202268656c6c6f222c202276657273696f6e223a20227631227d2c20227061746873223a207b222f223a207b22676574223a207b2273756d6d617279223a2022536179732068656c6c6f2c20616e642066726f6d2077686963682076657273696f6e222c2022706172616d6574657273223a205b5d2c2022726573706f6e736573223a207b22323030223a207b226465736372697074696f6e223a20224f4b222c2022636f6e74656e74223a207b22746578742f706c61696e223a207b7d7d7d7d7d7d2c20222f6865616c74687a223a207b22676574223a207b2273756d6d617279223a202253617973207768657468657220746865206170702063616e207365727665222c2022706172616d6574657273223a205b5d2c2022726573706f6e736573223a207b22323030223a207b226465736372697074696f6e223a20224f4b222c2022636f6e74656e74223a207b22746578742f706c61696e223a207b7d7d7d7d7d7d2c20222f736c6f77223a207b22676574223a207b2273756d6d617279223a2022416e737765727320616674657220736f6d65207365636f6e6473222c2022706172616d6574657273223a205b7b226e616d65223a20227365636f6e6473222c2022696e223a20227175657279222c2022736368656d61223a207b2274797065223a20226e756d626572222c20226d696e696d756d223a20307d7d5d2c2022726573706f6e736573223a207b22323030223a207b226465736372697074696f6e223a20224f4b222c2022636f6e74656e74223a207b22746578742f706c61696e223a207b7d7d7d7d7d7d2c20222f73747265616d223a207b22676574223a207b2273756d6d617279223a202253656e64732061206c696e6520657665727920313030206d73222c2022706172616d6574657273223a205b7b226e616d65223a20226c696e6573222c2022696e223a20227175657279222c2022736368656d61223a207b2274797065223a20226e756d626572222c20226d696e696d756d223a20307d7d5d2c2022726573706f6e736573223a207b22323030223a207b226465736372697074696f6e223a20224f4b222c2022636f6e74656e74223a207b22746578742f706c61696e223a207b7d7d7d7d7d7d7d7d');
INSERT INTO openapi_specs VALUES('bf88bc1bc8c6fd699c2fbe67c0b1a36d34587d7316aeff5b3183ae82e11e60d3','json',862,X'7b226f70656e617069223a2022332e312e30222c2022696e666f223a207b227469746c65223a202268656c6c6f222c202276657273696f6e223a20227632227d2c20227061746873223a207b222f223a207b22676574223a207b2273756d6d617279223a2022536179732068656c6c6f2c20616e642066726f6d2077686963682076657273696f6e222c2022706172616d6574657273223a205b5d2c2022726573706f6e736573223a207b22323030223a207b226465736372697074696f6e223a20224f4b222c2022636f6e74656e74223a207b22746578742f706c61696e223a207b7d7d7d7d7d7d2c20222f6865616c74687a223a207b22676574223a207b2273756d6d617279223a202253617973207768657468657220746865206170702063616e207365727665222c2022706172616d6574657273223a205b5d2c2022726573706f6e736573223a207b22323030223a207b226465736372697074696f6e223a20224f4b222c2022636f6e74656e74223a207b22746578742f706c61696e223a207b7d7d7d7d7d7d2c20222f736c6f77223a207b22676574223a207b2273756d6d617279223a2022416e737765727320616674657220736f6d65207365636f6e6473222c2022706172616d6574657273223a205b7b226e616d65223a20227365636f6e6473222c2022696e223a20227175657279222c2022736368656d61223a207b2274797065223a20226e756d626572222c20226d696e696d756d223a20307d7d5d2c2022726573706f6e736573223a207b22323030223a207b226465736372697074696f6e223a20224f4b222c2022636f6e74656e74223a207b22746578742f706c61696e223a207b7d7d7d7d7d7d2c20222f73747265616d223a207b22676574223a207b2273756d6d617279223a202253656e64732061206c696e6520657665727920313030206d73222c2022706172616d6574657273223a205b7b226e616d65223a20226c696e6573222c2022696e223a20227175657279222c2022736368656d61223a207b2274797065223a20226e756d626572222c20226d696e696d756d223a20307d7d5d2c2022726573706f6e736573223a207b22323030223a207b226465736372697074696f6e223a20224f4b222c2022636f6e74656e74223a207b22746578742f706c61696e223a207b7d7d7d7d7d7d7d7d');
INSERT INTO openapi_specs VALUES('047d74a602443dba47ed64dcb5a39247118bf11d25ee7de751d1bda86828b9ef','json',862,X'7b226f70656e617069223a2022332e312e30222c2022696e666f223a207b227469746c65223a202268656c6c6f222c202276657273696f6e223a20227633227d2c20227061746873223a207b222f223a207b22676574223a207b2273756d6d617279223a2022536179732068656c6c6f2c20616e642066726f6d2077686963682076657273696f6e222c2022706172616d6574657273223a205b5d2c2022726573706f6e736573223a207b22323030223a207b226465736372697074696f6e223a20224f4b222c2022636f6e74656e74223a207b22746578742f706c61696e223a207b7d7d7d7d7d7d2c20222f6865616c74687a223a207b22676574223a207b2273756d6d617279223a202253617973207768657468657220746865206170702063616e207365727665222c2022706172616d6574657273223a205b5d2c2022726573706f6e736573223a207b22323030223a207b226465736372697074696f6e223a20224f4b222c2022636f6e74656e74223a207b22746578742f706c61696e223a207b7d7d7d7d7d7d2c20222f736c6f77223a207b22676574223a207b2273756d6d617279223a2022416e737765727320616674657220736f6d65207365636f6e6473222c2022706172616d6574657273223a205b7b226e616d65223a20227365636f6e6473222c2022696e223a20227175657279222c2022736368656d61223a207b2274797065223a20226e756d626572222c20226d696e696d756d223a20307d7d5d2c2022726573706f6e736573223a207b22323030223a207b226465736372697074696f6e223a20224f4b222c2022636f6e74656e74223a207b22746578742f706c61696e223a207b7d7d7d7d7d7d2c20222f73747265616d223a207b22676574223a207b2273756d6d617279223a202253656e64732061206c696e6520657665727920313030206d73222c2022706172616d6574657273223a205b7b226e616d65223a20226c696e6573222c2022696e223a20227175657279222c2022736368656d61223a207b2274797065223a20226e756d626572222c20226d696e696d756d223a20307d7d5d2c2022726573706f6e736573223a207b22323030223a207b226465736372697074696f6e223a20224f4b222c2022636f6e74656e74223a207b22746578742f706c61696e223a207b7d7d7d7d7d7d7d7d');
CREATE TABLE regions (
	name VARCHAR NOT NULL, 
	backends JSON NOT NULL, 
	connected BOOLEAN NOT NULL, 
	connected_at DATETIME, 
	last_seen_at DATETIME, 
	CONSTRAINT pk_regions PRIMARY KEY (name)
);
INSERT INTO regions VALUES('local','["process"]',1,'2026-11-23 16:11:46.949670','2026-11-23 16:11:46.949670');
CREATE TABLE workspaces (
	id VARCHAR NOT NULL, 
	slug VARCHAR NOT NULL, 
	CONSTRAINT pk_workspaces PRIMARY KEY (id), 
	CONSTRAINT uq_workspaces_slug UNIQUE (slug)
);
INSERT INTO workspaces VALUES('ws_01m84jsmjm2rs73hemrcdtgq9w','default');
CREATE TABLE projects (
	id VARCHAR NOT NULL, 
	workspace_id VARCHAR NOT NULL, 
	slug VARCHAR NOT NULL, 
	live_deployment_id VARCHAR, 
	rolled_back BOOLEAN NOT NULL, 
	generation BIGINT NOT NULL, 
	CONSTRAINT pk_projects PRIMARY KEY (id), 
	CONSTRAINT ck_projects_generation CHECK (generation >= 0), 
	CONSTRAINT fk_projects_id_live_deployment_id FOREIGN KEY(id, live_deployment_id) REFERENCES deployments (project_id, id), 
	CONSTRAINT fk_projects_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_projects_workspace_id_slug UNIQUE (workspace_id, slug)
);
INSERT INTO projects VALUES('prj_01m84jssw7kddm2w80wgnkctbe','ws_01m84jsmjm2rs73hemrcdtgq9w','shop','dep_01m84jsswgbje4bb03mv9y0vb8',1,5);
INSERT INTO projects VALUES('prj_01m84jtqx49zydgbahnqqsvnvb','ws_01m84jsmjm2rs73hemrcdtgq9w','broken',NULL,0,0);
CREATE TABLE sources (
	workspace_id VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	size BIGINT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_sources PRIMARY KEY (workspace_id, id), 
	CONSTRAINT fk_sources_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);
INSERT INTO sources VALUES('ws_01m84jsmjm2rs73hemrcdtgq9w','a0dcc958cac1b8949c9265e319cdeffbdb5fba79cd12791a379dcf0a6a3ddaed',5258,'2026-11-23 16:11:07.444512');
INSERT INTO sources VALUES('ws_01m84jsmjm2rs73hemrcdtgq9w','03fba77937db2835018aa2941a1213bbfe0312ecb09dc7a496372e10cee86860',5259,'2026-11-23 16:11:18.889744');
INSERT INTO sources VALUES('ws_01m84jsmjm2rs73hemrcdtgq9w','606956e258a950290cf928cc9cd91cadd7cde4d0cb257d1b7e7742d7aa08e2a0',5259,'2026-11-23 16:11:31.333324');
INSERT INTO sources VALUES('ws_01m84jsmjm2rs73hemrcdtgq9w','fe761ff17d723a8304a158dce2d8b07dfad8622a9e4fefccb51831f4be2f9155',5189,'2026-11-23 16:11:38.206557');
CREATE TABLE tokens (
	id VARCHAR NOT NULL, 
	hash VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	access VARCHAR NOT NULL, 
	workspace_id VARCHAR NOT NULL, 
	region VARCHAR, 
	created_at DATETIME NOT NULL, 
	revoked_at DATETIME, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT ck_tokens_region CHECK ((access = 'krane') = (region IS NOT NULL)), 
	CONSTRAINT ck_tokens_access CHECK (access IN ('admin', 'krane')), 
	CONSTRAINT fk_tokens_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_tokens_hash UNIQUE (hash)
);
INSERT INTO tokens VALUES('tok_01m84jsmk2q08q3k5t81ghfja9','977d9300552fddbea804ca20073839f7de7127dc49a6b9a97c4874defa4355fa','local','admin','ws_01m84jsmjm2rs73hemrcdtgq9w',NULL,'2026-11-23 16:11:02.114059',NULL);
INSERT INTO tokens VALUES('tok_01m84jsmk933h6gqgb432ptzcd','cd1997d660d522090c7d4e22c697ab9308d6837454f1d4ca17cbc3f99a1485b7','krane-local','krane','ws_01m84jsmjm2rs73hemrcdtgq9w','local','2026-11-23 16:11:02.121972',NULL);
CREATE TABLE audit_log (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	workspace_id VARCHAR NOT NULL, 
	project_id VARCHAR, 
	actor VARCHAR NOT NULL, 
	action VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	detail JSON NOT NULL, 
	CONSTRAINT pk_audit_log PRIMARY KEY (id), 
	CONSTRAINT fk_audit_log_project_id FOREIGN KEY(project_id) REFERENCES projects (id), 
	CONSTRAINT fk_audit_log_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);
INSERT INTO audit_log VALUES(1,'2026-11-23 16:11:07.549745','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jssw7kddm2w80wgnkctbe','local','deploy.asked','op_01m84jsswxkvr8pd3apgxqv8m5','{"deployment_id": "dep_01m84jsswgbje4bb03mv9y0vb8", "source_deployment_id": null}');
INSERT INTO audit_log VALUES(2,'2026-11-23 16:11:10.496886','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jssw7kddm2w80wgnkctbe','local','deploy.switched','op_01m84jsswxkvr8pd3apgxqv8m5','{"generation": 1, "from": null, "to": "dep_01m84jsswgbje4bb03mv9y0vb8", "target": "dep_01m84jsswgbje4bb03mv9y0vb8"}');
INSERT INTO audit_log VALUES(3,'2026-11-23 16:11:11.778368','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jssw7kddm2w80wgnkctbe','local','variables.set','env_01m84jsswbw7b97tda9gaph31m','{"versions": {"GREETING": 1}}');
INSERT INTO audit_log VALUES(4,'2026-11-23 16:11:13.306233','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jssw7kddm2w80wgnkctbe','local','deploy.asked','op_01m84jszgtq3bdj38422awtdek','{"deployment_id": "dep_01m84jszgp8xcypwn150bhqaf4", "source_deployment_id": null}');
INSERT INTO audit_log VALUES(5,'2026-11-23 16:11:16.742477','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jssw7kddm2w80wgnkctbe','local','deploy.switched','op_01m84jszgtq3bdj38422awtdek','{"generation": 2, "from": "dep_01m84jsswgbje4bb03mv9y0vb8", "to": "dep_01m84jszgp8xcypwn150bhqaf4", "target": "dep_01m84jszgp8xcypwn150bhqaf4"}');
INSERT INTO audit_log VALUES(6,'2026-11-23 16:11:18.941527','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jssw7kddm2w80wgnkctbe','local','deploy.asked','op_01m84jt50xshf7d8yzhzkkp9ey','{"deployment_id": "dep_01m84jt50v0ar8j2b1n428az99", "source_deployment_id": null}');
INSERT INTO audit_log VALUES(7,'2026-11-23 16:11:21.104195','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jssw7kddm2w80wgnkctbe','local','deploy.switched','op_01m84jt50xshf7d8yzhzkkp9ey','{"generation": 3, "from": "dep_01m84jszgp8xcypwn150bhqaf4", "to": "dep_01m84jszgp8xcypwn150bhqaf4", "target": "dep_01m84jt50v0ar8j2b1n428az99"}');
INSERT INTO audit_log VALUES(8,'2026-11-23 16:11:24.781988','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jssw7kddm2w80wgnkctbe','local','rollback.asked','op_01m84jtaqd3ab0779tvg186k9q','{"deployment_id": "dep_01m84jsswgbje4bb03mv9y0vb8", "source_deployment_id": "dep_01m84jszgp8xcypwn150bhqaf4"}');
INSERT INTO audit_log VALUES(9,'2026-11-23 16:11:25.325606','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jssw7kddm2w80wgnkctbe','local','rollback.switched','op_01m84jtaqd3ab0779tvg186k9q','{"generation": 4, "from": "dep_01m84jszgp8xcypwn150bhqaf4", "to": "dep_01m84jsswgbje4bb03mv9y0vb8", "target": "dep_01m84jsswgbje4bb03mv9y0vb8"}');
INSERT INTO audit_log VALUES(10,'2026-11-23 16:11:31.420333','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jssw7kddm2w80wgnkctbe','local','deploy.asked','op_01m84jth6wdtzbjtgf168h3kqc','{"deployment_id": "dep_01m84jth6p4x84g05njkxx38xb", "source_deployment_id": null}');
INSERT INTO audit_log VALUES(11,'2026-11-23 16:11:35.278958','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jssw7kddm2w80wgnkctbe','local','deploy.switched','op_01m84jth6wdtzbjtgf168h3kqc','{"generation": 5, "from": "dep_01m84jsswgbje4bb03mv9y0vb8", "to": "dep_01m84jsswgbje4bb03mv9y0vb8", "target": "dep_01m84jth6p4x84g05njkxx38xb"}');
INSERT INTO audit_log VALUES(12,'2026-11-23 16:11:38.299224','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jtqx49zydgbahnqqsvnvb','local','deploy.asked','op_01m84jtqxv198a6pgwjq7bgc9a','{"deployment_id": "dep_01m84jtqxgm26w77eq3j2dqkg7", "source_deployment_id": null}');
CREATE TABLE environments (
	id VARCHAR NOT NULL, 
	project_id VARCHAR NOT NULL, 
	slug VARCHAR NOT NULL, 
	keyring_id VARCHAR, 
	CONSTRAINT pk_environments PRIMARY KEY (id), 
	CONSTRAINT fk_environments_project_id FOREIGN KEY(project_id) REFERENCES projects (id), 
	CONSTRAINT uq_environments_project_id_id UNIQUE (project_id, id), 
	CONSTRAINT uq_environments_project_id_slug UNIQUE (project_id, slug)
);
INSERT INTO environments VALUES('env_01m84jsswbw7b97tda9gaph31m','prj_01m84jssw7kddm2w80wgnkctbe','production','krg_01m84jsxzdw96kx257tzdf1eqq');
INSERT INTO environments VALUES('env_01m84jt50s3xsaf6aemtfxjm55','prj_01m84jssw7kddm2w80wgnkctbe','preview',NULL);
INSERT INTO environments VALUES('env_01m84jtqx7k7bc294j5smv6jma','prj_01m84jtqx49zydgbahnqqsvnvb','production',NULL);
CREATE TABLE project_changes (
	project_id VARCHAR NOT NULL, 
	change BIGINT NOT NULL, 
	CONSTRAINT pk_project_changes PRIMARY KEY (project_id), 
	CONSTRAINT fk_project_changes_project_id FOREIGN KEY(project_id) REFERENCES projects (id)
);
INSERT INTO project_changes VALUES('prj_01m84jssw7kddm2w80wgnkctbe',6);
CREATE TABLE placements (
	deployment_id VARCHAR NOT NULL, 
	region VARCHAR NOT NULL, 
	replicas INTEGER NOT NULL, 
	desired VARCHAR NOT NULL, 
	spec JSON NOT NULL, 
	revision BIGINT NOT NULL, 
	CONSTRAINT pk_placements PRIMARY KEY (deployment_id, region), 
	CONSTRAINT ck_placements_desired CHECK (desired IN ('running', 'removed')), 
	CONSTRAINT ck_placements_replicas CHECK (replicas > 0), 
	CONSTRAINT fk_placements_deployment_id FOREIGN KEY(deployment_id) REFERENCES deployments (id), 
	CONSTRAINT fk_placements_region FOREIGN KEY(region) REFERENCES regions (name)
);
INSERT INTO placements VALUES('dep_01m84jsswgbje4bb03mv9y0vb8','local',2,'running','{"deployment_id": "dep_01m84jsswgbje4bb03mv9y0vb8", "project": "shop", "backend": "process", "image": "release:ddd2cf9bac1d04a41c34a036f29978fc24e0df13c4337a637031f9acb8ec881a", "command": ["python", "app.py"], "resources": {"replicas": 2, "cpu_millicores": 250, "memory_mib": 128}, "health": {"path": "/healthz", "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}, "has_variables": false}',1);
INSERT INTO placements VALUES('dep_01m84jszgp8xcypwn150bhqaf4','local',2,'running','{"deployment_id": "dep_01m84jszgp8xcypwn150bhqaf4", "project": "shop", "backend": "process", "image": "release:284383335ea88e2847ea1e97b4dff87b5aec65de23756b619b2a0b4a00c5de0d", "command": ["python", "app.py"], "resources": {"replicas": 2, "cpu_millicores": 250, "memory_mib": 128}, "health": {"path": "/healthz", "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}, "has_variables": true}',2);
INSERT INTO placements VALUES('dep_01m84jt50v0ar8j2b1n428az99','local',2,'running','{"deployment_id": "dep_01m84jt50v0ar8j2b1n428az99", "project": "shop", "backend": "process", "image": "release:284383335ea88e2847ea1e97b4dff87b5aec65de23756b619b2a0b4a00c5de0d", "command": ["python", "app.py"], "resources": {"replicas": 2, "cpu_millicores": 250, "memory_mib": 128}, "health": {"path": "/healthz", "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}, "has_variables": false}',3);
INSERT INTO placements VALUES('dep_01m84jth6p4x84g05njkxx38xb','local',2,'running','{"deployment_id": "dep_01m84jth6p4x84g05njkxx38xb", "project": "shop", "backend": "process", "image": "release:6885af14aac662af607de6492eb35cae65b33540f62514273af3f309056ea515", "command": ["python", "app.py"], "resources": {"replicas": 2, "cpu_millicores": 250, "memory_mib": 128}, "health": {"path": "/healthz", "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}, "has_variables": true}',4);
INSERT INTO placements VALUES('dep_01m84jtqxgm26w77eq3j2dqkg7','local',1,'removed','{"deployment_id": "dep_01m84jtqxgm26w77eq3j2dqkg7", "project": "broken", "backend": "process", "image": "release:a5d7d7ae4d272c4dc51ea205bc48e1b091c1feb0fba83fe5825f9105df89bec3", "command": ["python3", "-c", "1"], "resources": {"replicas": 1, "cpu_millicores": 500, "memory_mib": 512}, "health": {"path": null, "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}, "has_variables": false}',6);
CREATE TABLE routes (
	id VARCHAR NOT NULL, 
	fqdn VARCHAR NOT NULL, 
	project_id VARCHAR NOT NULL, 
	environment_id VARCHAR NOT NULL, 
	deployment_id VARCHAR NOT NULL, 
	sticky VARCHAR NOT NULL, 
	branch VARCHAR, 
	CONSTRAINT pk_routes PRIMARY KEY (id), 
	CONSTRAINT ck_routes_branch CHECK ((sticky = 'branch') = (branch IS NOT NULL)), 
	CONSTRAINT ck_routes_sticky CHECK (sticky IN ('none', 'branch', 'environment', 'live')), 
	CONSTRAINT ck_routes_fqdn CHECK (fqdn = lower(fqdn)), 
	CONSTRAINT fk_routes_project_id_environment_id_deployment_id FOREIGN KEY(project_id, environment_id, deployment_id) REFERENCES deployments (project_id, environment_id, id), 
	CONSTRAINT uq_routes_fqdn UNIQUE (fqdn)
);
INSERT INTO routes VALUES('rte_01m84jswsvhn9n2ma4j666z5mj','shop-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jsswbw7b97tda9gaph31m','dep_01m84jsswgbje4bb03mv9y0vb8','live',NULL);
INSERT INTO routes VALUES('rte_01m84jswsv56kc7hfn3gcb9j5s','shop-git-1111111-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jsswbw7b97tda9gaph31m','dep_01m84jsswgbje4bb03mv9y0vb8','none',NULL);
INSERT INTO routes VALUES('rte_01m84jswsvvyxg8a5nvrb8k18b','shop-git-main-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jsswbw7b97tda9gaph31m','dep_01m84jth6p4x84g05njkxx38xb','branch','main');
INSERT INTO routes VALUES('rte_01m84jswsvekk73jrs0c37df6j','shop-production-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jsswbw7b97tda9gaph31m','dep_01m84jsswgbje4bb03mv9y0vb8','environment',NULL);
INSERT INTO routes VALUES('rte_01m84jt2wxt9b0ad96kmfzdfga','shop-git-2222222-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jsswbw7b97tda9gaph31m','dep_01m84jszgp8xcypwn150bhqaf4','none',NULL);
INSERT INTO routes VALUES('rte_01m84jt751z3f05tg6qmv3825d','shop-git-3333333-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jt50s3xsaf6aemtfxjm55','dep_01m84jt50v0ar8j2b1n428az99','none',NULL);
INSERT INTO routes VALUES('rte_01m84jt7516k6g0js5endby98m','shop-git-feature-x-217d2bf51f-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jt50s3xsaf6aemtfxjm55','dep_01m84jt50v0ar8j2b1n428az99','branch','feature/x');
INSERT INTO routes VALUES('rte_01m84jt751xm81jdfwbc7kqg5j','shop-preview-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jt50s3xsaf6aemtfxjm55','dep_01m84jt50v0ar8j2b1n428az99','environment',NULL);
INSERT INTO routes VALUES('rte_01m84jtn00eq5ywhghba38nh32','shop-git-4444444-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jsswbw7b97tda9gaph31m','dep_01m84jth6p4x84g05njkxx38xb','none',NULL);
CREATE TABLE instances (
	id VARCHAR NOT NULL, 
	deployment_id VARCHAR NOT NULL, 
	region VARCHAR NOT NULL, 
	slot INTEGER NOT NULL, 
	status VARCHAR NOT NULL, 
	address VARCHAR, 
	reason TEXT, 
	registered BOOLEAN NOT NULL, 
	restarts INTEGER NOT NULL, 
	reported_at DATETIME NOT NULL, 
	CONSTRAINT pk_instances PRIMARY KEY (id), 
	CONSTRAINT ck_instances_status CHECK (status IN ('pending', 'starting', 'running', 'failed')), 
	CONSTRAINT fk_instances_deployment_id_region FOREIGN KEY(deployment_id, region) REFERENCES placements (deployment_id, region)
);
CREATE TABLE operation_steps (
	operation_id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	position INTEGER NOT NULL, 
	status VARCHAR NOT NULL, 
	started_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	detail TEXT, 
	CONSTRAINT pk_operation_steps PRIMARY KEY (operation_id, name), 
	CONSTRAINT ck_operation_steps_ended CHECK ((status = 'running') = (ended_at IS NULL)), 
	CONSTRAINT ck_operation_steps_status CHECK (status IN ('running', 'done', 'skipped', 'failed')), 
	CONSTRAINT fk_operation_steps_operation_id FOREIGN KEY(operation_id) REFERENCES operations (id), 
	CONSTRAINT uq_operation_steps_operation_id_position UNIQUE (operation_id, position)
);
INSERT INTO operation_steps VALUES('op_01m84jsswxkvr8pd3apgxqv8m5','source',0,'done','2026-11-23 16:11:07.641858','2026-11-23 16:11:07.681730',NULL);
INSERT INTO operation_steps VALUES('op_01m84jsswxkvr8pd3apgxqv8m5','build started',1,'done','2026-11-23 16:11:07.714239','2026-11-23 16:11:07.789455',NULL);
INSERT INTO operation_steps VALUES('op_01m84jsswxkvr8pd3apgxqv8m5','build',2,'done','2026-11-23 16:11:07.807634','2026-11-23 16:11:08.725418','release:ddd2cf9bac1d04a41c34a036f29978fc24e0df13c4337a637031f9acb8ec881a');
INSERT INTO operation_steps VALUES('op_01m84jsswxkvr8pd3apgxqv8m5','lookup',3,'done','2026-11-23 16:11:08.785833','2026-11-23 16:11:08.797974',NULL);
INSERT INTO operation_steps VALUES('op_01m84jsswxkvr8pd3apgxqv8m5','context',4,'done','2026-11-23 16:11:08.812976','2026-11-23 16:11:08.818665',NULL);
INSERT INTO operation_steps VALUES('op_01m84jsswxkvr8pd3apgxqv8m5','building',5,'done','2026-11-23 16:11:08.836408','2026-11-23 16:11:08.843806','release:ddd2cf9bac1d04a41c34a036f29978fc24e0df13c4337a637031f9acb8ec881a');
INSERT INTO operation_steps VALUES('op_01m84jsswxkvr8pd3apgxqv8m5','containers',6,'done','2026-11-23 16:11:08.852629','2026-11-23 16:11:08.873467','2 instances in local');
INSERT INTO operation_steps VALUES('op_01m84jsswxkvr8pd3apgxqv8m5','readiness',7,'done','2026-11-23 16:11:08.882888','2026-11-23 16:11:10.209505',NULL);
INSERT INTO operation_steps VALUES('op_01m84jsswxkvr8pd3apgxqv8m5','registration',8,'done','2026-11-23 16:11:10.221635','2026-11-23 16:11:10.235262','127.0.0.1:60521, 127.0.0.1:47955');
INSERT INTO operation_steps VALUES('op_01m84jsswxkvr8pd3apgxqv8m5','openapi',9,'done','2026-11-23 16:11:10.247659','2026-11-23 16:11:10.388348','OpenAPI 3.1.0, 4 paths');
INSERT INTO operation_steps VALUES('op_01m84jsswxkvr8pd3apgxqv8m5','domains',10,'done','2026-11-23 16:11:10.467340','2026-11-23 16:11:10.496886',NULL);
INSERT INTO operation_steps VALUES('op_01m84jsswxkvr8pd3apgxqv8m5','ready',11,'done','2026-11-23 16:11:10.496886','2026-11-23 16:11:10.496886',NULL);
INSERT INTO operation_steps VALUES('op_01m84jsswxkvr8pd3apgxqv8m5','live',12,'done','2026-11-23 16:11:10.496886','2026-11-23 16:11:10.496886',NULL);
INSERT INTO operation_steps VALUES('op_01m84jsswxkvr8pd3apgxqv8m5','propagation',13,'done','2026-11-23 16:11:10.559184','2026-11-23 16:11:10.689431','every gateway confirmed within 103.0 ms');
INSERT INTO operation_steps VALUES('op_01m84jszgtq3bdj38422awtdek','source',0,'done','2026-11-23 16:11:13.371949','2026-11-23 16:11:13.418322',NULL);
INSERT INTO operation_steps VALUES('op_01m84jszgtq3bdj38422awtdek','build started',1,'done','2026-11-23 16:11:13.468692','2026-11-23 16:11:13.516425',NULL);
INSERT INTO operation_steps VALUES('op_01m84jszgtq3bdj38422awtdek','build',2,'done','2026-11-23 16:11:13.536302','2026-11-23 16:11:14.426998','release:284383335ea88e2847ea1e97b4dff87b5aec65de23756b619b2a0b4a00c5de0d');
INSERT INTO operation_steps VALUES('op_01m84jszgtq3bdj38422awtdek','lookup',3,'done','2026-11-23 16:11:14.494132','2026-11-23 16:11:14.526883',NULL);
INSERT INTO operation_steps VALUES('op_01m84jszgtq3bdj38422awtdek','context',4,'done','2026-11-23 16:11:14.553775','2026-11-23 16:11:14.569218',NULL);
INSERT INTO operation_steps VALUES('op_01m84jszgtq3bdj38422awtdek','building',5,'done','2026-11-23 16:11:14.599436','2026-11-23 16:11:14.631437','release:284383335ea88e2847ea1e97b4dff87b5aec65de23756b619b2a0b4a00c5de0d');
INSERT INTO operation_steps VALUES('op_01m84jszgtq3bdj38422awtdek','containers',6,'done','2026-11-23 16:11:14.665717','2026-11-23 16:11:14.724009','2 instances in local');
INSERT INTO operation_steps VALUES('op_01m84jszgtq3bdj38422awtdek','readiness',7,'done','2026-11-23 16:11:14.749574','2026-11-23 16:11:16.280559',NULL);
INSERT INTO operation_steps VALUES('op_01m84jszgtq3bdj38422awtdek','registration',8,'done','2026-11-23 16:11:16.317624','2026-11-23 16:11:16.390621','127.0.0.1:37797, 127.0.0.1:39331');
INSERT INTO operation_steps VALUES('op_01m84jszgtq3bdj38422awtdek','openapi',9,'done','2026-11-23 16:11:16.428893','2026-11-23 16:11:16.604971','OpenAPI 3.1.0, 4 paths');
INSERT INTO operation_steps VALUES('op_01m84jszgtq3bdj38422awtdek','domains',10,'done','2026-11-23 16:11:16.706668','2026-11-23 16:11:16.742477',NULL);
INSERT INTO operation_steps VALUES('op_01m84jszgtq3bdj38422awtdek','ready',11,'done','2026-11-23 16:11:16.742477','2026-11-23 16:11:16.742477',NULL);
INSERT INTO operation_steps VALUES('op_01m84jszgtq3bdj38422awtdek','live',12,'done','2026-11-23 16:11:16.742477','2026-11-23 16:11:16.742477',NULL);
INSERT INTO operation_steps VALUES('op_01m84jszgtq3bdj38422awtdek','propagation',13,'done','2026-11-23 16:11:16.818977','2026-11-23 16:11:16.887779','every gateway confirmed within 109.2 ms');
INSERT INTO operation_steps VALUES('op_01m84jt50xshf7d8yzhzkkp9ey','source',0,'done','2026-11-23 16:11:18.990023','2026-11-23 16:11:19.035275','already built: release:284383335ea88e2847ea1e97b4dff87b5aec65de23756b619b2a0b4a00c5de0d');
INSERT INTO operation_steps VALUES('op_01m84jt50xshf7d8yzhzkkp9ey','lookup',1,'done','2026-11-23 16:11:19.103898','2026-11-23 16:11:19.147547',NULL);
INSERT INTO operation_steps VALUES('op_01m84jt50xshf7d8yzhzkkp9ey','context',2,'done','2026-11-23 16:11:19.182406','2026-11-23 16:11:19.236884',NULL);
INSERT INTO operation_steps VALUES('op_01m84jt50xshf7d8yzhzkkp9ey','building',3,'done','2026-11-23 16:11:19.277335','2026-11-23 16:11:19.301883','release:284383335ea88e2847ea1e97b4dff87b5aec65de23756b619b2a0b4a00c5de0d');
INSERT INTO operation_steps VALUES('op_01m84jt50xshf7d8yzhzkkp9ey','containers',4,'done','2026-11-23 16:11:19.341573','2026-11-23 16:11:19.422390','2 instances in local');
INSERT INTO operation_steps VALUES('op_01m84jt50xshf7d8yzhzkkp9ey','readiness',5,'done','2026-11-23 16:11:19.442724','2026-11-23 16:11:20.842252',NULL);
INSERT INTO operation_steps VALUES('op_01m84jt50xshf7d8yzhzkkp9ey','registration',6,'done','2026-11-23 16:11:20.875411','2026-11-23 16:11:20.924198','127.0.0.1:42919, 127.0.0.1:32817');
INSERT INTO operation_steps VALUES('op_01m84jt50xshf7d8yzhzkkp9ey','openapi',7,'done','2026-11-23 16:11:20.942813','2026-11-23 16:11:21.052380','OpenAPI 3.1.0, 4 paths');
INSERT INTO operation_steps VALUES('op_01m84jt50xshf7d8yzhzkkp9ey','domains',8,'done','2026-11-23 16:11:21.081074','2026-11-23 16:11:21.104195',NULL);
INSERT INTO operation_steps VALUES('op_01m84jt50xshf7d8yzhzkkp9ey','ready',9,'done','2026-11-23 16:11:21.104195','2026-11-23 16:11:21.104195',NULL);
INSERT INTO operation_steps VALUES('op_01m84jt50xshf7d8yzhzkkp9ey','live',10,'skipped','2026-11-23 16:11:21.104195','2026-11-23 16:11:21.104195','only production is live');
INSERT INTO operation_steps VALUES('op_01m84jt50xshf7d8yzhzkkp9ey','propagation',11,'done','2026-11-23 16:11:21.170687','2026-11-23 16:11:21.244051','every gateway confirmed within 80.6 ms');
INSERT INTO operation_steps VALUES('op_01m84jtaqd3ab0779tvg186k9q','lookup',0,'done','2026-11-23 16:11:25.077341','2026-11-23 16:11:25.204117',NULL);
INSERT INTO operation_steps VALUES('op_01m84jtaqd3ab0779tvg186k9q','domains',1,'done','2026-11-23 16:11:25.274907','2026-11-23 16:11:25.325606',NULL);
INSERT INTO operation_steps VALUES('op_01m84jtaqd3ab0779tvg186k9q','live',2,'done','2026-11-23 16:11:25.325606','2026-11-23 16:11:25.325606',NULL);
INSERT INTO operation_steps VALUES('op_01m84jtaqd3ab0779tvg186k9q','propagation',3,'done','2026-11-23 16:11:25.676969','2026-11-23 16:11:26.259442','every gateway confirmed within 393.1 ms');
INSERT INTO operation_steps VALUES('op_01m84jth6wdtzbjtgf168h3kqc','source',0,'done','2026-11-23 16:11:31.526844','2026-11-23 16:11:31.560858',NULL);
INSERT INTO operation_steps VALUES('op_01m84jth6wdtzbjtgf168h3kqc','build started',1,'done','2026-11-23 16:11:31.629977','2026-11-23 16:11:31.674353',NULL);
INSERT INTO operation_steps VALUES('op_01m84jth6wdtzbjtgf168h3kqc','build',2,'done','2026-11-23 16:11:31.678696','2026-11-23 16:11:33.137689','release:6885af14aac662af607de6492eb35cae65b33540f62514273af3f309056ea515');
INSERT INTO operation_steps VALUES('op_01m84jth6wdtzbjtgf168h3kqc','lookup',3,'done','2026-11-23 16:11:33.198149','2026-11-23 16:11:33.243070',NULL);
INSERT INTO operation_steps VALUES('op_01m84jth6wdtzbjtgf168h3kqc','context',4,'done','2026-11-23 16:11:33.280207','2026-11-23 16:11:33.323943',NULL);
INSERT INTO operation_steps VALUES('op_01m84jth6wdtzbjtgf168h3kqc','building',5,'done','2026-11-23 16:11:33.373620','2026-11-23 16:11:33.428005','release:6885af14aac662af607de6492eb35cae65b33540f62514273af3f309056ea515');
INSERT INTO operation_steps VALUES('op_01m84jth6wdtzbjtgf168h3kqc','containers',6,'done','2026-11-23 16:11:33.492171','2026-11-23 16:11:33.562395','2 instances in local');
INSERT INTO operation_steps VALUES('op_01m84jth6wdtzbjtgf168h3kqc','readiness',7,'done','2026-11-23 16:11:33.574896','2026-11-23 16:11:35.056875',NULL);
INSERT INTO operation_steps VALUES('op_01m84jth6wdtzbjtgf168h3kqc','registration',8,'done','2026-11-23 16:11:35.102562','2026-11-23 16:11:35.127831','127.0.0.1:38503, 127.0.0.1:40593');
INSERT INTO operation_steps VALUES('op_01m84jth6wdtzbjtgf168h3kqc','openapi',9,'done','2026-11-23 16:11:35.136737','2026-11-23 16:11:35.213048','OpenAPI 3.1.0, 4 paths');
INSERT INTO operation_steps VALUES('op_01m84jth6wdtzbjtgf168h3kqc','domains',10,'done','2026-11-23 16:11:35.260572','2026-11-23 16:11:35.278958',NULL);
INSERT INTO operation_steps VALUES('op_01m84jth6wdtzbjtgf168h3kqc','ready',11,'done','2026-11-23 16:11:35.278958','2026-11-23 16:11:35.278958',NULL);
INSERT INTO operation_steps VALUES('op_01m84jth6wdtzbjtgf168h3kqc','live',12,'skipped','2026-11-23 16:11:35.278958','2026-11-23 16:11:35.278958','the project is rolled back; promote a deployment to let new ones go live again');
INSERT INTO operation_steps VALUES('op_01m84jth6wdtzbjtgf168h3kqc','propagation',13,'done','2026-11-23 16:11:35.342905','2026-11-23 16:11:35.573415','every gateway confirmed within 92.2 ms');
INSERT INTO operation_steps VALUES('op_01m84jtqxv198a6pgwjq7bgc9a','source',0,'done','2026-11-23 16:11:38.447328','2026-11-23 16:11:38.544689',NULL);
INSERT INTO operation_steps VALUES('op_01m84jtqxv198a6pgwjq7bgc9a','build started',1,'done','2026-11-23 16:11:38.647691','2026-11-23 16:11:38.706033',NULL);
INSERT INTO operation_steps VALUES('op_01m84jtqxv198a6pgwjq7bgc9a','build',2,'done','2026-11-23 16:11:38.728504','2026-11-23 16:11:39.667547','release:a5d7d7ae4d272c4dc51ea205bc48e1b091c1feb0fba83fe5825f9105df89bec3');
INSERT INTO operation_steps VALUES('op_01m84jtqxv198a6pgwjq7bgc9a','lookup',3,'done','2026-11-23 16:11:39.705879','2026-11-23 16:11:39.715232',NULL);
INSERT INTO operation_steps VALUES('op_01m84jtqxv198a6pgwjq7bgc9a','context',4,'done','2026-11-23 16:11:39.766188','2026-11-23 16:11:39.830256',NULL);
INSERT INTO operation_steps VALUES('op_01m84jtqxv198a6pgwjq7bgc9a','building',5,'done','2026-11-23 16:11:39.929017','2026-11-23 16:11:39.966482','release:a5d7d7ae4d272c4dc51ea205bc48e1b091c1feb0fba83fe5825f9105df89bec3');
INSERT INTO operation_steps VALUES('op_01m84jtqxv198a6pgwjq7bgc9a','containers',6,'done','2026-11-23 16:11:39.990790','2026-11-23 16:11:40.012533','1 instance in local');
INSERT INTO operation_steps VALUES('op_01m84jtqxv198a6pgwjq7bgc9a','readiness',7,'failed','2026-11-23 16:11:40.059485','2026-11-23 16:11:40.939611','exited with code 0 after 0.6 s; it printed nothing');
CREATE TABLE sentinel_configs (
	fqdn VARCHAR NOT NULL, 
	project_id VARCHAR NOT NULL, 
	deployment_id VARCHAR NOT NULL, 
	config TEXT NOT NULL, 
	CONSTRAINT pk_sentinel_configs PRIMARY KEY (fqdn), 
	CONSTRAINT fk_sentinel_configs_deployment_id FOREIGN KEY(deployment_id) REFERENCES deployments (id), 
	CONSTRAINT fk_sentinel_configs_fqdn FOREIGN KEY(fqdn) REFERENCES routes (fqdn), 
	CONSTRAINT fk_sentinel_configs_project_id FOREIGN KEY(project_id) REFERENCES projects (id)
);
INSERT INTO sentinel_configs VALUES('shop-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jsswgbje4bb03mv9y0vb8',replace('{\n  "deployment": {\n    "id": "dep_01m84jsswgbje4bb03mv9y0vb8",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84jsv6trff1xyj90b9z50vb",\n      "address": "127.0.0.1:60521",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84jsv6vkt3t9arpak78zxbd",\n      "address": "127.0.0.1:47955",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "5bb5bf4479582b11c69b1217ab6e847684df543cb6edbcfc99a4ffd599d7c22c"\n  }\n}','\n',char(10)));
INSERT INTO sentinel_configs VALUES('shop-git-1111111-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jsswgbje4bb03mv9y0vb8',replace('{\n  "deployment": {\n    "id": "dep_01m84jsswgbje4bb03mv9y0vb8",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84jsv6trff1xyj90b9z50vb",\n      "address": "127.0.0.1:60521",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84jsv6vkt3t9arpak78zxbd",\n      "address": "127.0.0.1:47955",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "5bb5bf4479582b11c69b1217ab6e847684df543cb6edbcfc99a4ffd599d7c22c"\n  }\n}','\n',char(10)));
INSERT INTO sentinel_configs VALUES('shop-git-main-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jth6p4x84g05njkxx38xb',replace('{\n  "deployment": {\n    "id": "dep_01m84jth6p4x84g05njkxx38xb",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84jtkb91y9b7v1104drdzws",\n      "address": "127.0.0.1:38503",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84jtkbgp8pjjqqe54mwfcfz",\n      "address": "127.0.0.1:40593",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "047d74a602443dba47ed64dcb5a39247118bf11d25ee7de751d1bda86828b9ef"\n  }\n}','\n',char(10)));
INSERT INTO sentinel_configs VALUES('shop-production-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jsswgbje4bb03mv9y0vb8',replace('{\n  "deployment": {\n    "id": "dep_01m84jsswgbje4bb03mv9y0vb8",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84jsv6trff1xyj90b9z50vb",\n      "address": "127.0.0.1:60521",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84jsv6vkt3t9arpak78zxbd",\n      "address": "127.0.0.1:47955",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "5bb5bf4479582b11c69b1217ab6e847684df543cb6edbcfc99a4ffd599d7c22c"\n  }\n}','\n',char(10)));
INSERT INTO sentinel_configs VALUES('shop-git-2222222-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jszgp8xcypwn150bhqaf4',replace('{\n  "deployment": {\n    "id": "dep_01m84jszgp8xcypwn150bhqaf4",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84jt0xv6a6mcqxmgph5yddd",\n      "address": "127.0.0.1:37797",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84jt0xyre7m7gr7jvm3a5c4",\n      "address": "127.0.0.1:39331",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "bf88bc1bc8c6fd699c2fbe67c0b1a36d34587d7316aeff5b3183ae82e11e60d3"\n  }\n}','\n',char(10)));
INSERT INTO sentinel_configs VALUES('shop-git-3333333-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jt50v0ar8j2b1n428az99',replace('{\n  "deployment": {\n    "id": "dep_01m84jt50v0ar8j2b1n428az99",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84jt5gekw66639k18nnhmzt",\n      "address": "127.0.0.1:42919",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84jt5gfm308e9a2wvjf18rq",\n      "address": "127.0.0.1:32817",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "bf88bc1bc8c6fd699c2fbe67c0b1a36d34587d7316aeff5b3183ae82e11e60d3"\n  }\n}','\n',char(10)));
INSERT INTO sentinel_configs VALUES('shop-git-feature-x-217d2bf51f-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jt50v0ar8j2b1n428az99',replace('{\n  "deployment": {\n    "id": "dep_01m84jt50v0ar8j2b1n428az99",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84jt5gekw66639k18nnhmzt",\n      "address": "127.0.0.1:42919",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84jt5gfm308e9a2wvjf18rq",\n      "address": "127.0.0.1:32817",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "bf88bc1bc8c6fd699c2fbe67c0b1a36d34587d7316aeff5b3183ae82e11e60d3"\n  }\n}','\n',char(10)));
INSERT INTO sentinel_configs VALUES('shop-preview-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jt50v0ar8j2b1n428az99',replace('{\n  "deployment": {\n    "id": "dep_01m84jt50v0ar8j2b1n428az99",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84jt5gekw66639k18nnhmzt",\n      "address": "127.0.0.1:42919",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84jt5gfm308e9a2wvjf18rq",\n      "address": "127.0.0.1:32817",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "bf88bc1bc8c6fd699c2fbe67c0b1a36d34587d7316aeff5b3183ae82e11e60d3"\n  }\n}','\n',char(10)));
INSERT INTO sentinel_configs VALUES('shop-git-4444444-default.localhost','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jth6p4x84g05njkxx38xb',replace('{\n  "deployment": {\n    "id": "dep_01m84jth6p4x84g05njkxx38xb",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84jtkb91y9b7v1104drdzws",\n      "address": "127.0.0.1:38503",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84jtkbgp8pjjqqe54mwfcfz",\n      "address": "127.0.0.1:40593",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "047d74a602443dba47ed64dcb5a39247118bf11d25ee7de751d1bda86828b9ef"\n  }\n}','\n',char(10)));
CREATE TABLE switches (
	id VARCHAR NOT NULL, 
	operation_id VARCHAR NOT NULL, 
	generation BIGINT NOT NULL, 
	kind VARCHAR NOT NULL, 
	project_id VARCHAR NOT NULL, 
	from_deployment_id VARCHAR, 
	to_deployment_id VARCHAR, 
	rolled_back BOOLEAN NOT NULL, 
	routes JSON NOT NULL, 
	actor VARCHAR NOT NULL, 
	result JSON NOT NULL, 
	committed_at DATETIME NOT NULL, 
	CONSTRAINT pk_switches PRIMARY KEY (id), 
	CONSTRAINT ck_switches_kind CHECK (kind IN ('deploy', 'rollback', 'promote')), 
	CONSTRAINT fk_switches_from_deployment_id FOREIGN KEY(from_deployment_id) REFERENCES deployments (id), 
	CONSTRAINT fk_switches_operation_id FOREIGN KEY(operation_id) REFERENCES operations (id), 
	CONSTRAINT fk_switches_project_id FOREIGN KEY(project_id) REFERENCES projects (id), 
	CONSTRAINT fk_switches_to_deployment_id FOREIGN KEY(to_deployment_id) REFERENCES deployments (id), 
	CONSTRAINT uq_switches_generation UNIQUE (generation), 
	CONSTRAINT uq_switches_operation_id UNIQUE (operation_id)
);
INSERT INTO switches VALUES('sw_01m84jswtcbtabp8srw28pvkpe','op_01m84jsswxkvr8pd3apgxqv8m5',1,'deploy','prj_01m84jssw7kddm2w80wgnkctbe',NULL,'dep_01m84jsswgbje4bb03mv9y0vb8',0,'[{"fqdn": "shop-default.localhost", "from": null, "to": "dep_01m84jsswgbje4bb03mv9y0vb8"}, {"fqdn": "shop-git-1111111-default.localhost", "from": null, "to": "dep_01m84jsswgbje4bb03mv9y0vb8"}, {"fqdn": "shop-git-main-default.localhost", "from": null, "to": "dep_01m84jsswgbje4bb03mv9y0vb8"}, {"fqdn": "shop-production-default.localhost", "from": null, "to": "dep_01m84jsswgbje4bb03mv9y0vb8"}]','local','{"operation_id": "op_01m84jsswxkvr8pd3apgxqv8m5", "generation": 1, "previous_deployment_id": null, "live_deployment_id": "dep_01m84jsswgbje4bb03mv9y0vb8", "took_live": true, "released": [], "committed_at": "2026-11-23T16:11:10.496886+00:00"}','2026-11-23 16:11:10.496886');
INSERT INTO switches VALUES('sw_01m84jt2xxdez86y7xsy83tj3b','op_01m84jszgtq3bdj38422awtdek',2,'deploy','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jsswgbje4bb03mv9y0vb8','dep_01m84jszgp8xcypwn150bhqaf4',0,'[{"fqdn": "shop-default.localhost", "from": "dep_01m84jsswgbje4bb03mv9y0vb8", "to": "dep_01m84jszgp8xcypwn150bhqaf4"}, {"fqdn": "shop-git-2222222-default.localhost", "from": null, "to": "dep_01m84jszgp8xcypwn150bhqaf4"}, {"fqdn": "shop-git-main-default.localhost", "from": "dep_01m84jsswgbje4bb03mv9y0vb8", "to": "dep_01m84jszgp8xcypwn150bhqaf4"}, {"fqdn": "shop-production-default.localhost", "from": "dep_01m84jsswgbje4bb03mv9y0vb8", "to": "dep_01m84jszgp8xcypwn150bhqaf4"}]','local','{"operation_id": "op_01m84jszgtq3bdj38422awtdek", "generation": 2, "previous_deployment_id": "dep_01m84jsswgbje4bb03mv9y0vb8", "live_deployment_id": "dep_01m84jszgp8xcypwn150bhqaf4", "took_live": true, "released": ["dep_01m84jsswgbje4bb03mv9y0vb8"], "committed_at": "2026-11-23T16:11:16.742477+00:00"}','2026-11-23 16:11:16.742477');
INSERT INTO switches VALUES('sw_01m84jt75n80jpm73x9jwg6jbb','op_01m84jt50xshf7d8yzhzkkp9ey',3,'deploy','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jszgp8xcypwn150bhqaf4','dep_01m84jszgp8xcypwn150bhqaf4',0,'[{"fqdn": "shop-git-3333333-default.localhost", "from": null, "to": "dep_01m84jt50v0ar8j2b1n428az99"}, {"fqdn": "shop-git-feature-x-217d2bf51f-default.localhost", "from": null, "to": "dep_01m84jt50v0ar8j2b1n428az99"}, {"fqdn": "shop-preview-default.localhost", "from": null, "to": "dep_01m84jt50v0ar8j2b1n428az99"}]','local','{"operation_id": "op_01m84jt50xshf7d8yzhzkkp9ey", "generation": 3, "previous_deployment_id": "dep_01m84jszgp8xcypwn150bhqaf4", "live_deployment_id": "dep_01m84jszgp8xcypwn150bhqaf4", "took_live": false, "released": [], "committed_at": "2026-11-23T16:11:21.104195+00:00"}','2026-11-23 16:11:21.104195');
INSERT INTO switches VALUES('sw_01m84jtbffh9cnsz0szvj4m97q','op_01m84jtaqd3ab0779tvg186k9q',4,'rollback','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jszgp8xcypwn150bhqaf4','dep_01m84jsswgbje4bb03mv9y0vb8',1,'[{"fqdn": "shop-default.localhost", "from": "dep_01m84jszgp8xcypwn150bhqaf4", "to": "dep_01m84jsswgbje4bb03mv9y0vb8"}, {"fqdn": "shop-production-default.localhost", "from": "dep_01m84jszgp8xcypwn150bhqaf4", "to": "dep_01m84jsswgbje4bb03mv9y0vb8"}]','local','{"operation_id": "op_01m84jtaqd3ab0779tvg186k9q", "generation": 4, "previous_deployment_id": "dep_01m84jszgp8xcypwn150bhqaf4", "live_deployment_id": "dep_01m84jsswgbje4bb03mv9y0vb8", "took_live": true, "released": ["dep_01m84jszgp8xcypwn150bhqaf4"], "committed_at": "2026-11-23T16:11:25.325606+00:00"}','2026-11-23 16:11:25.325606');
INSERT INTO switches VALUES('sw_01m84jtn0wrd85h14b9fhwm0nh','op_01m84jth6wdtzbjtgf168h3kqc',5,'deploy','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jsswgbje4bb03mv9y0vb8','dep_01m84jsswgbje4bb03mv9y0vb8',1,'[{"fqdn": "shop-git-4444444-default.localhost", "from": null, "to": "dep_01m84jth6p4x84g05njkxx38xb"}, {"fqdn": "shop-git-main-default.localhost", "from": "dep_01m84jszgp8xcypwn150bhqaf4", "to": "dep_01m84jth6p4x84g05njkxx38xb"}]','local','{"operation_id": "op_01m84jth6wdtzbjtgf168h3kqc", "generation": 5, "previous_deployment_id": "dep_01m84jsswgbje4bb03mv9y0vb8", "live_deployment_id": "dep_01m84jsswgbje4bb03mv9y0vb8", "took_live": false, "released": ["dep_01m84jszgp8xcypwn150bhqaf4"], "committed_at": "2026-11-23T16:11:35.278958+00:00"}','2026-11-23 16:11:35.278958');
CREATE TABLE keyrings (
	id VARCHAR NOT NULL, 
	environment_id VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_keyrings PRIMARY KEY (id), 
	CONSTRAINT fk_keyrings_environment_id FOREIGN KEY(environment_id) REFERENCES environments (id), 
	CONSTRAINT uq_keyrings_environment_id UNIQUE (environment_id)
);
INSERT INTO keyrings VALUES('krg_01m84jsxzdw96kx257tzdf1eqq','env_01m84jsswbw7b97tda9gaph31m','2026-11-23 16:11:11.731946');
CREATE TABLE data_keys (
	id VARCHAR NOT NULL, 
	keyring_id VARCHAR NOT NULL, 
	purpose VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	master_key_id VARCHAR NOT NULL, 
	wrapped BLOB NOT NULL, 
	messages BIGINT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_data_keys PRIMARY KEY (id), 
	CONSTRAINT ck_data_keys_messages CHECK (messages >= 0), 
	CONSTRAINT ck_data_keys_purpose CHECK (purpose IN ('sealing', 'fingerprint')), 
	CONSTRAINT fk_data_keys_keyring_id FOREIGN KEY(keyring_id) REFERENCES keyrings (id), 
	CONSTRAINT uq_data_keys_keyring_id_purpose_number UNIQUE (keyring_id, purpose, number)
);
INSERT INTO data_keys VALUES('dek_01m84jsxzdayrmd4jth37nqkn5','krg_01m84jsxzdw96kx257tzdf1eqq','sealing',1,'mk_01m84jsmkexvrebhwt67am78ve',X'011a61749c3e40e1e189ebb584e38e4585e9d2535dad6396f02db599d3bd86e57f17ae9f6ac78759f7f8665bb1d0d1690dd7a28659b86f5f8dce16b5e3',1,'2026-11-23 16:11:11.731946');
INSERT INTO data_keys VALUES('dek_01m84jsxzh1v6ts6fr3v5rwg5t','krg_01m84jsxzdw96kx257tzdf1eqq','fingerprint',1,'mk_01m84jsmkexvrebhwt67am78ve',X'01fa6ec4404d0abb7f9c4a4abf37efaef92fd4be956106a68711512d395fe4e2c07611a3b033fd001950fd05cc58da6c5067ccf2e198b079d99b54ab27',0,'2026-11-23 16:11:11.731946');
CREATE TABLE variables (
	environment_id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	version INTEGER NOT NULL, 
	data_key_id VARCHAR, 
	ciphertext BLOB, 
	fingerprint BLOB, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT pk_variables PRIMARY KEY (environment_id, name), 
	CONSTRAINT ck_variables_removed CHECK ((data_key_id IS NULL) = (ciphertext IS NULL) AND (fingerprint IS NULL) = (ciphertext IS NULL)), 
	CONSTRAINT ck_variables_version CHECK (version > 0), 
	CONSTRAINT fk_variables_data_key_id FOREIGN KEY(data_key_id) REFERENCES data_keys (id), 
	CONSTRAINT fk_variables_environment_id FOREIGN KEY(environment_id) REFERENCES environments (id)
);
INSERT INTO variables VALUES('env_01m84jsswbw7b97tda9gaph31m','GREETING',1,'dek_01m84jsxzdayrmd4jth37nqkn5',X'01a7db80e5a26c3d6da44cdd50ca95cd3c143c13044066c3fe13a9e327dc12f62980',X'8d05d9689876c5d49874840d1706891502dbf04e5625a37bb7971a24ee65fac0','2026-11-23 16:11:11.778368');
CREATE TABLE build_options (
	deployment_id VARCHAR NOT NULL, 
	options JSON NOT NULL, 
	CONSTRAINT pk_build_options PRIMARY KEY (deployment_id), 
	CONSTRAINT fk_build_options_deployment_id FOREIGN KEY(deployment_id) REFERENCES deployments (id)
);
CREATE TABLE build_places (
	operation_id VARCHAR NOT NULL, 
	workspace_id VARCHAR NOT NULL, 
	production BOOLEAN NOT NULL, 
	asked_at DATETIME NOT NULL, 
	taken_at DATETIME, 
	CONSTRAINT pk_build_places PRIMARY KEY (operation_id), 
	CONSTRAINT fk_build_places_operation_id FOREIGN KEY(operation_id) REFERENCES operations (id), 
	CONSTRAINT fk_build_places_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);
CREATE TABLE IF NOT EXISTS "deployments" (
	id VARCHAR NOT NULL, 
	project_id VARCHAR NOT NULL, 
	environment_id VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	reason TEXT, 
	image VARCHAR, 
	source_id VARCHAR, 
	backend VARCHAR NOT NULL, 
	git_branch VARCHAR, 
	git_commit_sha VARCHAR, 
	git_commit_message TEXT, 
	git_dirty BOOLEAN NOT NULL, 
	command JSON NOT NULL, 
	build_command JSON NOT NULL, 
	resources JSON NOT NULL, 
	health JSON NOT NULL, 
	env_snapshot BLOB, 
	openapi_path VARCHAR, 
	openapi_spec_id VARCHAR, 
	key_auth_id VARCHAR, 
	sentinel_image VARCHAR, 
	regions JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	stopped_at DATETIME, 
	removed_at DATETIME, 
	woken_by VARCHAR, release JSON, auto_rollback BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_deployments PRIMARY KEY (id), 
	CONSTRAINT ck_deployments_backend CHECK (backend IN ('process', 'docker')), 
	CONSTRAINT ck_deployments_status CHECK (status IN ('pending', 'building', 'deploying', 'network', 'ready', 'failed', 'cancelled', 'superseded', 'stopped')), 
	CONSTRAINT ck_deployments_origin CHECK (image IS NOT NULL OR source_id IS NOT NULL), 
	CONSTRAINT fk_deployments_openapi_spec_id FOREIGN KEY(openapi_spec_id) REFERENCES openapi_specs (id), 
	CONSTRAINT fk_deployments_project_id_environment_id FOREIGN KEY(project_id, environment_id) REFERENCES environments (project_id, id), 
	CONSTRAINT uq_deployments_project_id_environment_id_id UNIQUE (project_id, environment_id, id), 
	CONSTRAINT uq_deployments_project_id_id UNIQUE (project_id, id)
);
INSERT INTO deployments VALUES('dep_01m84jsswgbje4bb03mv9y0vb8','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jsswbw7b97tda9gaph31m','ready',NULL,'release:ddd2cf9bac1d04a41c34a036f29978fc24e0df13c4337a637031f9acb8ec881a','a0dcc958cac1b8949c9265e319cdeffbdb5fba79cd12791a379dcf0a6a3ddaed','process','main','1111111',NULL,0,'["python", "app.py"]','[]','{"replicas": 2, "cpu_millicores": 250, "memory_mib": 128}','{"path": "/healthz", "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}',NULL,'/openapi.json','5bb5bf4479582b11c69b1217ab6e847684df543cb6edbcfc99a4ffd599d7c22c',NULL,NULL,'["local"]','2026-11-23 16:11:07.539521',NULL,NULL,NULL,NULL,0);
INSERT INTO deployments VALUES('dep_01m84jszgp8xcypwn150bhqaf4','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jsswbw7b97tda9gaph31m','ready',NULL,'release:284383335ea88e2847ea1e97b4dff87b5aec65de23756b619b2a0b4a00c5de0d','03fba77937db2835018aa2941a1213bbfe0312ecb09dc7a496372e10cee86860','process','main','2222222',NULL,0,'["python", "app.py"]','[]','{"replicas": 2, "cpu_millicores": 250, "memory_mib": 128}','{"path": "/healthz", "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}',X'5b7b226e616d65223a224752454554494e47222c2276657273696f6e223a312c22646174615f6b65795f6964223a2264656b5f30316d38346a73787a646179726d64346a746833376e716b6e35222c2263697068657274657874223a2241616662674f57696244317470457a64554d71567a54775550424d45514762442f684f70347966634576597067413d3d222c2266696e6765727072696e74223a226a51585a614a6832786453596449514e4677614a46514c62384535574a614e37743563614a4f356c2b73413d227d5d','/openapi.json','bf88bc1bc8c6fd699c2fbe67c0b1a36d34587d7316aeff5b3183ae82e11e60d3',NULL,NULL,'["local"]','2026-11-23 16:11:13.304542',NULL,NULL,NULL,NULL,0);
INSERT INTO deployments VALUES('dep_01m84jt50v0ar8j2b1n428az99','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jt50s3xsaf6aemtfxjm55','ready',NULL,'release:284383335ea88e2847ea1e97b4dff87b5aec65de23756b619b2a0b4a00c5de0d','03fba77937db2835018aa2941a1213bbfe0312ecb09dc7a496372e10cee86860','process','feature/x','3333333',NULL,0,'["python", "app.py"]','[]','{"replicas": 2, "cpu_millicores": 250, "memory_mib": 128}','{"path": "/healthz", "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}',NULL,'/openapi.json','bf88bc1bc8c6fd699c2fbe67c0b1a36d34587d7316aeff5b3183ae82e11e60d3',NULL,NULL,'["local"]','2026-11-23 16:11:18.940251',NULL,NULL,NULL,NULL,0);
INSERT INTO deployments VALUES('dep_01m84jth6p4x84g05njkxx38xb','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jsswbw7b97tda9gaph31m','ready',NULL,'release:6885af14aac662af607de6492eb35cae65b33540f62514273af3f309056ea515','606956e258a950290cf928cc9cd91cadd7cde4d0cb257d1b7e7742d7aa08e2a0','process','main','4444444',NULL,0,'["python", "app.py"]','[]','{"replicas": 2, "cpu_millicores": 250, "memory_mib": 128}','{"path": "/healthz", "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}',X'5b7b226e616d65223a224752454554494e47222c2276657273696f6e223a312c22646174615f6b65795f6964223a2264656b5f30316d38346a73787a646179726d64346a746833376e716b6e35222c2263697068657274657874223a2241616662674f57696244317470457a64554d71567a54775550424d45514762442f684f70347966634576597067413d3d222c2266696e6765727072696e74223a226a51585a614a6832786453596449514e4677614a46514c62384535574a614e37743563614a4f356c2b73413d227d5d','/openapi.json','047d74a602443dba47ed64dcb5a39247118bf11d25ee7de751d1bda86828b9ef',NULL,NULL,'["local"]','2026-11-23 16:11:31.418549',NULL,NULL,NULL,NULL,0);
INSERT INTO deployments VALUES('dep_01m84jtqxgm26w77eq3j2dqkg7','prj_01m84jtqx49zydgbahnqqsvnvb','env_01m84jtqx7k7bc294j5smv6jma','failed','exited with code 0 after 0.6 s; it printed nothing','release:a5d7d7ae4d272c4dc51ea205bc48e1b091c1feb0fba83fe5825f9105df89bec3','fe761ff17d723a8304a158dce2d8b07dfad8622a9e4fefccb51831f4be2f9155','process',NULL,NULL,NULL,0,'["python3", "-c", "1"]','[]','{"replicas": 1, "cpu_millicores": 500, "memory_mib": 512}','{"path": null, "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}',NULL,NULL,NULL,NULL,NULL,'["local"]','2026-11-23 16:11:38.293964',NULL,NULL,NULL,NULL,0);
CREATE TABLE IF NOT EXISTS "operations" (
	id VARCHAR NOT NULL, 
	workspace_id VARCHAR NOT NULL, 
	project_id VARCHAR NOT NULL, 
	environment_id VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	reason TEXT, 
	deployment_id VARCHAR NOT NULL, 
	source_deployment_id VARCHAR, 
	previous_deployment_id VARCHAR, 
	live BOOLEAN NOT NULL, 
	generation BIGINT, 
	propagation_ms FLOAT, 
	actor VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	sent_at DATETIME, 
	started_at DATETIME, 
	ended_at DATETIME, 
	deadline_at DATETIME NOT NULL, 
	wakes BOOLEAN DEFAULT false NOT NULL, 
	cancel_requested_at DATETIME, 
	cancelled_by VARCHAR, 
	CONSTRAINT pk_operations PRIMARY KEY (id), 
	CONSTRAINT ck_operations_source CHECK ((kind = 'rollback') = (source_deployment_id IS NOT NULL)), 
	CONSTRAINT ck_operations_ended CHECK ((status IN ('pending', 'running')) = (ended_at IS NULL)), 
	CONSTRAINT ck_operations_kind CHECK (kind IN ('deploy', 'rollback', 'promote', 'start')), 
	CONSTRAINT ck_operations_status CHECK (status IN ('pending', 'running', 'succeeded', 'degraded', 'failed', 'cancelled', 'superseded')), 
	CONSTRAINT fk_operations_project_id_environment_id_deployment_id FOREIGN KEY(project_id, environment_id, deployment_id) REFERENCES deployments (project_id, environment_id, id), 
	CONSTRAINT fk_operations_project_id_previous_deployment_id FOREIGN KEY(project_id, previous_deployment_id) REFERENCES deployments (project_id, id), 
	CONSTRAINT fk_operations_source_deployment_id FOREIGN KEY(source_deployment_id) REFERENCES deployments (id), 
	CONSTRAINT fk_operations_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_operations_generation UNIQUE (generation)
);
INSERT INTO operations VALUES('op_01m84jsswxkvr8pd3apgxqv8m5','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jsswbw7b97tda9gaph31m','deploy','succeeded',NULL,'dep_01m84jsswgbje4bb03mv9y0vb8',NULL,NULL,1,1,102.97499999999999431,'local','2026-11-23 16:11:07.549745','2026-11-23 16:11:07.617174','2026-11-23 16:11:07.653545','2026-11-23 16:11:10.717555','2026-11-23 16:41:07.549745',0,NULL,NULL);
INSERT INTO operations VALUES('op_01m84jszgtq3bdj38422awtdek','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jsswbw7b97tda9gaph31m','deploy','succeeded',NULL,'dep_01m84jszgp8xcypwn150bhqaf4',NULL,'dep_01m84jsswgbje4bb03mv9y0vb8',1,2,109.19700000000000273,'local','2026-11-23 16:11:13.306233','2026-11-23 16:11:13.344217','2026-11-23 16:11:13.380887','2026-11-23 16:11:16.958796','2026-11-23 16:41:13.306233',0,NULL,NULL);
INSERT INTO operations VALUES('op_01m84jt50xshf7d8yzhzkkp9ey','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jt50s3xsaf6aemtfxjm55','deploy','succeeded',NULL,'dep_01m84jt50v0ar8j2b1n428az99',NULL,'dep_01m84jszgp8xcypwn150bhqaf4',0,3,80.647999999999996131,'local','2026-11-23 16:11:18.941527','2026-11-23 16:11:18.972534','2026-11-23 16:11:18.996811','2026-11-23 16:11:21.293991','2026-11-23 16:41:18.941527',0,NULL,NULL);
INSERT INTO operations VALUES('op_01m84jtaqd3ab0779tvg186k9q','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jsswbw7b97tda9gaph31m','rollback','succeeded',NULL,'dep_01m84jsswgbje4bb03mv9y0vb8','dep_01m84jszgp8xcypwn150bhqaf4','dep_01m84jszgp8xcypwn150bhqaf4',1,4,393.13999999999998636,'local','2026-11-23 16:11:24.781988','2026-11-23 16:11:24.997995','2026-11-23 16:11:25.153022','2026-11-23 16:11:26.352380','2026-11-23 16:41:24.781988',0,NULL,NULL);
INSERT INTO operations VALUES('op_01m84jth6wdtzbjtgf168h3kqc','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jssw7kddm2w80wgnkctbe','env_01m84jsswbw7b97tda9gaph31m','deploy','succeeded',NULL,'dep_01m84jth6p4x84g05njkxx38xb',NULL,'dep_01m84jsswgbje4bb03mv9y0vb8',0,5,92.206000000000003071,'local','2026-11-23 16:11:31.420333','2026-11-23 16:11:31.543936','2026-11-23 16:11:31.532683','2026-11-23 16:11:35.642551','2026-11-23 16:41:31.420333',0,NULL,NULL);
INSERT INTO operations VALUES('op_01m84jtqxv198a6pgwjq7bgc9a','ws_01m84jsmjm2rs73hemrcdtgq9w','prj_01m84jtqx49zydgbahnqqsvnvb','env_01m84jtqx7k7bc294j5smv6jma','deploy','failed','exited with code 0 after 0.6 s; it printed nothing','dep_01m84jtqxgm26w77eq3j2dqkg7',NULL,NULL,0,NULL,NULL,'local','2026-11-23 16:11:38.299224','2026-11-23 16:11:38.425565','2026-11-23 16:11:38.485224','2026-11-23 16:11:41.235786','2026-11-23 16:41:38.299224',0,NULL,NULL);
CREATE TABLE jobs (
	id VARCHAR NOT NULL, 
	deployment_id VARCHAR NOT NULL, 
	region VARCHAR NOT NULL, 
	spec JSON NOT NULL, 
	revision BIGINT NOT NULL, 
	status VARCHAR NOT NULL, 
	claim VARCHAR, 
	wanted BOOLEAN NOT NULL, 
	present BOOLEAN NOT NULL, 
	exit_code INTEGER, 
	reason TEXT, 
	created_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	CONSTRAINT pk_jobs PRIMARY KEY (id), 
	CONSTRAINT ck_jobs_status CHECK (status IN ('pending', 'running', 'succeeded', 'failed')), 
	CONSTRAINT ck_jobs_ended CHECK ((status IN ('succeeded', 'failed')) = (ended_at IS NOT NULL)), 
	CONSTRAINT ck_jobs_wanted CHECK (ended_at IS NULL OR NOT wanted), 
	CONSTRAINT ck_jobs_claimed CHECK (status <> 'running' OR claim IS NOT NULL), 
	CONSTRAINT fk_jobs_deployment_id FOREIGN KEY(deployment_id) REFERENCES deployments (id), 
	CONSTRAINT fk_jobs_region FOREIGN KEY(region) REFERENCES regions (name), 
	CONSTRAINT uq_jobs_deployment_id UNIQUE (deployment_id)
);
CREATE TABLE observations (
	operation_id VARCHAR NOT NULL, 
	project_id VARCHAR NOT NULL, 
	deployment_id VARCHAR NOT NULL, 
	took_live BOOLEAN NOT NULL, 
	status VARCHAR NOT NULL, 
	began_at DATETIME NOT NULL, 
	until_at DATETIME NOT NULL, 
	incident TEXT, 
	note TEXT, 
	rollback_operation_id VARCHAR, 
	ended_at DATETIME, 
	CONSTRAINT pk_observations PRIMARY KEY (operation_id), 
	CONSTRAINT ck_observations_status CHECK (status IN ('open', 'passed', 'degraded', 'replaced')), 
	CONSTRAINT ck_observations_ended CHECK ((status = 'open') = (ended_at IS NULL)), 
	CONSTRAINT ck_observations_incident CHECK (status <> 'degraded' OR incident IS NOT NULL), 
	CONSTRAINT fk_observations_operation_id FOREIGN KEY(operation_id) REFERENCES operations (id), 
	CONSTRAINT fk_observations_project_id FOREIGN KEY(project_id) REFERENCES projects (id), 
	CONSTRAINT fk_observations_deployment_id FOREIGN KEY(deployment_id) REFERENCES deployments (id), 
	CONSTRAINT fk_observations_rollback_operation_id FOREIGN KEY(rollback_operation_id) REFERENCES operations (id)
);
INSERT INTO observations VALUES('op_01m84jsswxkvr8pd3apgxqv8m5','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jsswgbje4bb03mv9y0vb8',1,'passed','2026-11-23 16:11:10.496886','2026-11-23 16:11:40.496886',NULL,NULL,NULL,'2026-11-23 16:11:40.547218');
INSERT INTO observations VALUES('op_01m84jszgtq3bdj38422awtdek','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jszgp8xcypwn150bhqaf4',1,'replaced','2026-11-23 16:11:16.742477','2026-11-23 16:11:46.742477',NULL,NULL,NULL,'2026-11-23 16:11:46.790808');
INSERT INTO observations VALUES('op_01m84jt50xshf7d8yzhzkkp9ey','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jt50v0ar8j2b1n428az99',0,'passed','2026-11-23 16:11:21.104195','2026-11-23 16:11:51.104195',NULL,NULL,NULL,'2026-11-23 16:11:51.141350');
INSERT INTO observations VALUES('op_01m84jth6wdtzbjtgf168h3kqc','prj_01m84jssw7kddm2w80wgnkctbe','dep_01m84jth6p4x84g05njkxx38xb',0,'open','2026-11-23 16:11:35.278958','2026-11-23 16:12:05.278958',NULL,NULL,NULL,NULL);
CREATE TABLE waits (
	awakeable_id VARCHAR NOT NULL, 
	operation_id VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	deployment_id VARCHAR NOT NULL, 
	generation BIGINT, 
	wanted INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	deadline_at DATETIME NOT NULL, 
	settled_at DATETIME, 
	CONSTRAINT pk_waits PRIMARY KEY (awakeable_id), 
	CONSTRAINT ck_waits_kind CHECK (kind IN ('instances-running', 'instances-gone', 'release', 'observation', 'generation', 'build-place')), 
	CONSTRAINT ck_waits_generation CHECK ((kind = 'generation') = (generation IS NOT NULL)), 
	CONSTRAINT fk_waits_deployment_id FOREIGN KEY(deployment_id) REFERENCES deployments (id), 
	CONSTRAINT fk_waits_operation_id FOREIGN KEY(operation_id) REFERENCES operations (id)
);
INSERT INTO waits VALUES('sign_18m6sZH_rV0Jga58xBcoWMK21ZbwYdKG6AAAAEQ','op_01m84jsswxkvr8pd3apgxqv8m5','instances-running','dep_01m84jsswgbje4bb03mv9y0vb8',NULL,2,'2026-11-23 16:11:08.860200','2026-11-23 16:12:23.860200','2026-11-23 16:11:10.201225');
INSERT INTO waits VALUES('sign_18m6sZH_rV0Kzxw8XIz-6zGiY7jqjUpEfAAAAEQ','op_01m84jsswxkvr8pd3apgxqv8m5','generation','dep_01m84jsswgbje4bb03mv9y0vb8',1,0,'2026-11-23 16:11:10.496886','2026-11-23 16:11:20.496886','2026-11-23 16:11:10.674141');
INSERT INTO waits VALUES('sign_1tncCcXy2TJcBogks821WE30FuxSf3nwYAAAAEQ','op_01m84jsswxkvr8pd3apgxqv8m5','observation','dep_01m84jsswgbje4bb03mv9y0vb8',NULL,0,'2026-11-23 16:11:10.593457','2026-11-23 16:11:40.593457','2026-11-23 16:11:10.717555');
INSERT INTO waits VALUES('sign_18m6sZH_rV0KKYq7RY0jfVNtLvWrymrYwAAAAEQ','op_01m84jszgtq3bdj38422awtdek','instances-running','dep_01m84jszgp8xcypwn150bhqaf4',NULL,2,'2026-11-23 16:11:14.683045','2026-11-23 16:12:29.683045','2026-11-23 16:11:16.242680');
INSERT INTO waits VALUES('sign_18m6sZH_rV0I34cEMmixHWyrym2hJSnm3AAAAEQ','op_01m84jszgtq3bdj38422awtdek','generation','dep_01m84jszgp8xcypwn150bhqaf4',2,0,'2026-11-23 16:11:16.742477','2026-11-23 16:11:26.742477','2026-11-23 16:11:16.881754');
INSERT INTO waits VALUES('sign_1OgIsMdLxfEgBogktC9w4SQTbQm998HhIAAAAEQ','op_01m84jszgtq3bdj38422awtdek','observation','dep_01m84jszgp8xcypwn150bhqaf4',NULL,0,'2026-11-23 16:11:16.846252','2026-11-23 16:11:46.846252','2026-11-23 16:11:16.958796');
INSERT INTO waits VALUES('sign_18m6sZH_rV0Lx9E4qUow1F2UcrvVQLfgdAAAAEQ','op_01m84jt50xshf7d8yzhzkkp9ey','instances-running','dep_01m84jt50v0ar8j2b1n428az99',NULL,2,'2026-11-23 16:11:19.376446','2026-11-23 16:12:34.376446','2026-11-23 16:11:20.824276');
INSERT INTO waits VALUES('sign_18m6sZH_rV0KQWU63mlXXwmz2LEFpy_U2AAAAEQ','op_01m84jt50xshf7d8yzhzkkp9ey','generation','dep_01m84jt50v0ar8j2b1n428az99',3,0,'2026-11-23 16:11:21.104195','2026-11-23 16:11:31.104195','2026-11-23 16:11:21.231075');
INSERT INTO waits VALUES('sign_1R8Gy8_44TWsBogktHOH4BflTqChDGl6EAAAAEQ','op_01m84jt50xshf7d8yzhzkkp9ey','observation','dep_01m84jt50v0ar8j2b1n428az99',NULL,0,'2026-11-23 16:11:21.189900','2026-11-23 16:11:51.189900','2026-11-23 16:11:21.293991');
INSERT INTO waits VALUES('sign_18m6sZH_rV0Le2aaUGNuBIalcmd45InuNAAAAEQ','op_01m84jtaqd3ab0779tvg186k9q','generation','dep_01m84jsswgbje4bb03mv9y0vb8',4,0,'2026-11-23 16:11:25.325606','2026-11-23 16:11:35.325606','2026-11-23 16:11:26.210070');
INSERT INTO waits VALUES('sign_18m6sZH_rV0IjdijKTyLAXCCuLwtvydXqAAAAEQ','op_01m84jth6wdtzbjtgf168h3kqc','instances-running','dep_01m84jth6p4x84g05njkxx38xb',NULL,2,'2026-11-23 16:11:33.510902','2026-11-23 16:12:48.510902','2026-11-23 16:11:35.032203');
INSERT INTO waits VALUES('sign_18m6sZH_rV0K1qSs_aORCZyN3Utg8T-7XAAAAEQ','op_01m84jth6wdtzbjtgf168h3kqc','generation','dep_01m84jth6p4x84g05njkxx38xb',5,0,'2026-11-23 16:11:35.278958','2026-11-23 16:11:45.278958','2026-11-23 16:11:35.504509');
INSERT INTO waits VALUES('sign_1ob6v2s8yaCABogktVEBVcqYK-rM0LOGeAAAAEQ','op_01m84jth6wdtzbjtgf168h3kqc','observation','dep_01m84jth6p4x84g05njkxx38xb',NULL,0,'2026-11-23 16:11:35.378767','2026-11-23 16:12:05.378767','2026-11-23 16:11:35.642551');
INSERT INTO waits VALUES('sign_1foqGouyeM6EINHfO3X3iC7Ad22hVW0DmAAAAEQ','op_01m84jtqxv198a6pgwjq7bgc9a','instances-running','dep_01m84jtqxgm26w77eq3j2dqkg7',NULL,1,'2026-11-23 16:11:39.999680','2026-11-23 16:12:54.999680','2026-11-23 16:11:40.917214');
INSERT INTO waits VALUES('sign_1foqGouyeM6EINHfO3X3iC7Ad22hVW0DmAAAAEg','op_01m84jtqxv198a6pgwjq7bgc9a','instances-gone','dep_01m84jtqxgm26w77eq3j2dqkg7',NULL,0,'2026-11-23 16:11:40.962605','2026-11-23 16:12:00.962605','2026-11-23 16:11:41.219782');
CREATE INDEX ix_audit_log_workspace_id_at ON audit_log (workspace_id, at);
CREATE INDEX ix_project_changes_change ON project_changes (change);
CREATE INDEX ix_placements_region_revision ON placements (region, revision);
CREATE INDEX ix_routes_deployment_id ON routes (deployment_id);
CREATE INDEX ix_routes_project_id_environment_id_sticky ON routes (project_id, environment_id, sticky);
CREATE INDEX ix_instances_deployment_id ON instances (deployment_id);
CREATE INDEX ix_instances_region ON instances (region);
CREATE INDEX ix_switches_project_id_generation ON switches (project_id, generation);
CREATE INDEX ix_data_keys_master_key_id ON data_keys (master_key_id);
CREATE INDEX ix_variables_data_key_id ON variables (data_key_id);
CREATE INDEX ix_build_places_workspace_id ON build_places (workspace_id);
CREATE INDEX ix_deployments_project_id_created_at ON deployments (project_id, created_at);
CREATE INDEX ix_operations_open ON operations (created_at) WHERE status IN ('pending', 'running');
CREATE INDEX ix_operations_project_id_created_at ON operations (project_id, created_at);
CREATE UNIQUE INDEX uq_operations_deploy ON operations (deployment_id) WHERE kind = 'deploy';
CREATE INDEX ix_jobs_region_revision ON jobs (region, revision);
CREATE INDEX ix_observations_deployment_id ON observations (deployment_id);
CREATE INDEX ix_observations_open ON observations (until_at) WHERE status = 'open';
CREATE INDEX ix_waits_open ON waits (created_at) WHERE settled_at IS NULL;
COMMIT;
