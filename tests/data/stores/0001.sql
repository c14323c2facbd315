PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES('0001');
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
INSERT INTO gateways VALUES('local-1857dc','local',1,'2026-11-23 16:10:24.285568',NULL,5,'2026-11-23 16:10:47.516107',NULL,NULL);
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
INSERT INTO regions VALUES('local','["process"]',1,'2026-11-23 16:10:55.502496','2026-11-23 16:10:55.502496');
CREATE TABLE workspaces (
	id VARCHAR NOT NULL, 
	slug VARCHAR NOT NULL, 
	CONSTRAINT pk_workspaces PRIMARY KEY (id), 
	CONSTRAINT uq_workspaces_slug UNIQUE (slug)
);
INSERT INTO workspaces VALUES('ws_01m84jrcmcjb4bkwpsv7wsjt86','default');
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
INSERT INTO projects VALUES('prj_01m84jrhxhck36zgzk1n1exne5','ws_01m84jrcmcjb4bkwpsv7wsjt86','shop','dep_01m84jrhxmenqf1fqc5j9dttgs',1,5);
INSERT INTO projects VALUES('prj_01m84js7n2z2r61gh67zqtwb5n','ws_01m84jrcmcjb4bkwpsv7wsjt86','broken',NULL,0,0);
CREATE TABLE sources (
	workspace_id VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	size BIGINT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_sources PRIMARY KEY (workspace_id, id), 
	CONSTRAINT fk_sources_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
);
INSERT INTO sources VALUES('ws_01m84jrcmcjb4bkwpsv7wsjt86','a0dcc958cac1b8949c9265e319cdeffbdb5fba79cd12791a379dcf0a6a3ddaed',5258,'2026-11-23 16:10:26.571434');
INSERT INTO sources VALUES('ws_01m84jrcmcjb4bkwpsv7wsjt86','03fba77937db2835018aa2941a1213bbfe0312ecb09dc7a496372e10cee86860',5259,'2026-11-23 16:10:33.212097');
INSERT INTO sources VALUES('ws_01m84jrcmcjb4bkwpsv7wsjt86','606956e258a950290cf928cc9cd91cadd7cde4d0cb257d1b7e7742d7aa08e2a0',5259,'2026-11-23 16:10:44.286833');
INSERT INTO sources VALUES('ws_01m84jrcmcjb4bkwpsv7wsjt86','fe761ff17d723a8304a158dce2d8b07dfad8622a9e4fefccb51831f4be2f9155',5189,'2026-11-23 16:10:48.848440');
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
INSERT INTO tokens VALUES('tok_01m84jrcmj85ne4jhr346dgzra','ce2540bf2a383557caaa2e1a1fcd8f4aef5de0f6c583ec48e16fe5de71579bbf','local','admin','ws_01m84jrcmcjb4bkwpsv7wsjt86',NULL,'2026-11-23 16:10:21.202087',NULL);
INSERT INTO tokens VALUES('tok_01m84jrcmnw44hv9cjjyp38r2c','764f8de62628420d50750becbd72f1ed8b6737a87e77bed3dc21294c80d1b616','krane-local','krane','ws_01m84jrcmcjb4bkwpsv7wsjt86','local','2026-11-23 16:10:21.205708',NULL);
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
INSERT INTO audit_log VALUES(1,'2026-11-23 16:10:26.614027','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84jrhxhck36zgzk1n1exne5','local','deploy.asked','op_01m84jrhxp65tw3mjj30nb895s','{"deployment_id": "dep_01m84jrhxmenqf1fqc5j9dttgs", "source_deployment_id": null}');
INSERT INTO audit_log VALUES(2,'2026-11-23 16:10:31.395464','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84jrhxhck36zgzk1n1exne5','local','deploy.switched','op_01m84jrhxp65tw3mjj30nb895s','{"generation": 1, "from": null, "to": "dep_01m84jrhxmenqf1fqc5j9dttgs", "target": "dep_01m84jrhxmenqf1fqc5j9dttgs"}');
INSERT INTO audit_log VALUES(3,'2026-11-23 16:10:33.238045','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84jrhxhck36zgzk1n1exne5','local','deploy.asked','op_01m84jrrcp0gvadc23njs24kmn','{"deployment_id": "dep_01m84jrrcnaxyd6qr52g6wgwcb", "source_deployment_id": null}');
INSERT INTO audit_log VALUES(4,'2026-11-23 16:10:37.081356','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84jrhxhck36zgzk1n1exne5','local','deploy.switched','op_01m84jrrcp0gvadc23njs24kmn','{"generation": 2, "from": "dep_01m84jrhxmenqf1fqc5j9dttgs", "to": "dep_01m84jrrcnaxyd6qr52g6wgwcb", "target": "dep_01m84jrrcnaxyd6qr52g6wgwcb"}');
INSERT INTO audit_log VALUES(5,'2026-11-23 16:10:38.418248','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84jrhxhck36zgzk1n1exne5','local','deploy.asked','op_01m84jrxejts381tnddfg854wp','{"deployment_id": "dep_01m84jrxehpyrqjm00ja5rat0w", "source_deployment_id": null}');
INSERT INTO audit_log VALUES(6,'2026-11-23 16:10:40.908042','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84jrhxhck36zgzk1n1exne5','local','deploy.switched','op_01m84jrxejts381tnddfg854wp','{"generation": 3, "from": "dep_01m84jrrcnaxyd6qr52g6wgwcb", "to": "dep_01m84jrrcnaxyd6qr52g6wgwcb", "target": "dep_01m84jrxehpyrqjm00ja5rat0w"}');
INSERT INTO audit_log VALUES(7,'2026-11-23 16:10:42.942605','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84jrhxhck36zgzk1n1exne5','local','rollback.asked','op_01m84js1vy4cx8wf0snkkkerd9','{"deployment_id": "dep_01m84jrhxmenqf1fqc5j9dttgs", "source_deployment_id": "dep_01m84jrrcnaxyd6qr52g6wgwcb"}');
INSERT INTO audit_log VALUES(8,'2026-11-23 16:10:43.163311','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84jrhxhck36zgzk1n1exne5','local','rollback.switched','op_01m84js1vy4cx8wf0snkkkerd9','{"generation": 4, "from": "dep_01m84jrrcnaxyd6qr52g6wgwcb", "to": "dep_01m84jrhxmenqf1fqc5j9dttgs", "target": "dep_01m84jrhxmenqf1fqc5j9dttgs"}');
INSERT INTO audit_log VALUES(9,'2026-11-23 16:10:44.306900','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84jrhxhck36zgzk1n1exne5','local','deploy.asked','op_01m84js36jdeemga2cm6hazt2x','{"deployment_id": "dep_01m84js36j28200bcv64ek87zb", "source_deployment_id": null}');
INSERT INTO audit_log VALUES(10,'2026-11-23 16:10:47.484144','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84jrhxhck36zgzk1n1exne5','local','deploy.switched','op_01m84js36jdeemga2cm6hazt2x','{"generation": 5, "from": "dep_01m84jrhxmenqf1fqc5j9dttgs", "to": "dep_01m84jrhxmenqf1fqc5j9dttgs", "target": "dep_01m84js36j28200bcv64ek87zb"}');
INSERT INTO audit_log VALUES(11,'2026-11-23 16:10:48.869416','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84js7n2z2r61gh67zqtwb5n','local','deploy.asked','op_01m84js7n5dxvw5eb5r8e2h0hc','{"deployment_id": "dep_01m84js7n4sjc6na9z7v02t2s7", "source_deployment_id": null}');
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
INSERT INTO environments VALUES('env_01m84jrhxj2wsq6rbcnsmn0daq','prj_01m84jrhxhck36zgzk1n1exne5','production',NULL);
INSERT INTO environments VALUES('env_01m84jrxeg73kh5j09pye7yza1','prj_01m84jrhxhck36zgzk1n1exne5','preview',NULL);
INSERT INTO environments VALUES('env_01m84js7n3ww22yrx32v8wxv9q','prj_01m84js7n2z2r61gh67zqtwb5n','production',NULL);
CREATE TABLE project_changes (
	project_id VARCHAR NOT NULL, 
	change BIGINT NOT NULL, 
	CONSTRAINT pk_project_changes PRIMARY KEY (project_id), 
	CONSTRAINT fk_project_changes_project_id FOREIGN KEY(project_id) REFERENCES projects (id)
);
INSERT INTO project_changes VALUES('prj_01m84jrhxhck36zgzk1n1exne5',6);
CREATE TABLE deployments (
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
	CONSTRAINT pk_deployments PRIMARY KEY (id), 
	CONSTRAINT ck_deployments_backend CHECK (backend IN ('process', 'docker')), 
	CONSTRAINT ck_deployments_status CHECK (status IN ('pending', 'building', 'deploying', 'network', 'ready', 'failed', 'cancelled', 'superseded', 'stopped')), 
	CONSTRAINT ck_deployments_origin CHECK (image IS NOT NULL OR source_id IS NOT NULL), 
	CONSTRAINT fk_deployments_openapi_spec_id FOREIGN KEY(openapi_spec_id) REFERENCES openapi_specs (id), 
	CONSTRAINT fk_deployments_project_id_environment_id FOREIGN KEY(project_id, environment_id) REFERENCES environments (project_id, id), 
	CONSTRAINT uq_deployments_project_id_environment_id_id UNIQUE (project_id, environment_id, id), 
	CONSTRAINT uq_deployments_project_id_id UNIQUE (project_id, id)
);
INSERT INTO deployments VALUES('dep_01m84jrhxmenqf1fqc5j9dttgs','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrhxj2wsq6rbcnsmn0daq','ready',NULL,'release:6a1b09287b93ad9fdd6f97fd876e1407b97b9006a48b830bac0bf21f793631fc','a0dcc958cac1b8949c9265e319cdeffbdb5fba79cd12791a379dcf0a6a3ddaed','process','main','1111111',NULL,0,'["python", "app.py"]','[]','{"replicas": 2, "cpu_millicores": 250, "memory_mib": 128}','{"path": "/healthz", "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}',NULL,'/openapi.json','5bb5bf4479582b11c69b1217ab6e847684df543cb6edbcfc99a4ffd599d7c22c',NULL,NULL,'["local"]','2026-11-23 16:10:26.612446');
INSERT INTO deployments VALUES('dep_01m84jrrcnaxyd6qr52g6wgwcb','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrhxj2wsq6rbcnsmn0daq','ready',NULL,'release:e8896407ff20d2dbd9361d14437ec7db3dd66afeb86f8498ca67c6790bad5140','03fba77937db2835018aa2941a1213bbfe0312ecb09dc7a496372e10cee86860','process','main','2222222',NULL,0,'["python", "app.py"]','[]','{"replicas": 2, "cpu_millicores": 250, "memory_mib": 128}','{"path": "/healthz", "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}',NULL,'/openapi.json','bf88bc1bc8c6fd699c2fbe67c0b1a36d34587d7316aeff5b3183ae82e11e60d3',NULL,NULL,'["local"]','2026-11-23 16:10:33.237140');
INSERT INTO deployments VALUES('dep_01m84jrxehpyrqjm00ja5rat0w','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrxeg73kh5j09pye7yza1','ready',NULL,'release:e8896407ff20d2dbd9361d14437ec7db3dd66afeb86f8498ca67c6790bad5140','03fba77937db2835018aa2941a1213bbfe0312ecb09dc7a496372e10cee86860','process','feature/x','3333333',NULL,0,'["python", "app.py"]','[]','{"replicas": 2, "cpu_millicores": 250, "memory_mib": 128}','{"path": "/healthz", "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}',NULL,'/openapi.json','bf88bc1bc8c6fd699c2fbe67c0b1a36d34587d7316aeff5b3183ae82e11e60d3',NULL,NULL,'["local"]','2026-11-23 16:10:38.417574');
INSERT INTO deployments VALUES('dep_01m84js36j28200bcv64ek87zb','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrhxj2wsq6rbcnsmn0daq','ready',NULL,'release:a8e4e2f880db44dee8ed8ebabee1978f854e9bc2801bf2d1b6fc67b2669a9518','606956e258a950290cf928cc9cd91cadd7cde4d0cb257d1b7e7742d7aa08e2a0','process','main','4444444',NULL,0,'["python", "app.py"]','[]','{"replicas": 2, "cpu_millicores": 250, "memory_mib": 128}','{"path": "/healthz", "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}',NULL,'/openapi.json','047d74a602443dba47ed64dcb5a39247118bf11d25ee7de751d1bda86828b9ef',NULL,NULL,'["local"]','2026-11-23 16:10:44.306264');
INSERT INTO deployments VALUES('dep_01m84js7n4sjc6na9z7v02t2s7','prj_01m84js7n2z2r61gh67zqtwb5n','env_01m84js7n3ww22yrx32v8wxv9q','failed','exited with code 0 after 0.3 s; it printed nothing','release:428c91982a42f330cb6986b9922ca19f852ead07bc10ee1bf2fcd57bd299c1f8','fe761ff17d723a8304a158dce2d8b07dfad8622a9e4fefccb51831f4be2f9155','process',NULL,NULL,NULL,0,'["python3", "-c", "1"]','[]','{"replicas": 1, "cpu_millicores": 500, "memory_mib": 512}','{"path": null, "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}',NULL,NULL,NULL,NULL,NULL,'["local"]','2026-11-23 16:10:48.868770');
CREATE TABLE operations (
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
	CONSTRAINT pk_operations PRIMARY KEY (id), 
	CONSTRAINT ck_operations_source CHECK ((kind = 'rollback') = (source_deployment_id IS NOT NULL)), 
	CONSTRAINT ck_operations_ended CHECK ((status IN ('pending', 'running')) = (ended_at IS NULL)), 
	CONSTRAINT ck_operations_kind CHECK (kind IN ('deploy', 'rollback', 'promote')), 
	CONSTRAINT ck_operations_status CHECK (status IN ('pending', 'running', 'succeeded', 'degraded', 'failed', 'cancelled', 'superseded')), 
	CONSTRAINT fk_operations_project_id_environment_id_deployment_id FOREIGN KEY(project_id, environment_id, deployment_id) REFERENCES deployments (project_id, environment_id, id), 
	CONSTRAINT fk_operations_project_id_previous_deployment_id FOREIGN KEY(project_id, previous_deployment_id) REFERENCES deployments (project_id, id), 
	CONSTRAINT fk_operations_source_deployment_id FOREIGN KEY(source_deployment_id) REFERENCES deployments (id), 
	CONSTRAINT fk_operations_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id), 
	CONSTRAINT uq_operations_generation UNIQUE (generation)
);
INSERT INTO operations VALUES('op_01m84jrhxp65tw3mjj30nb895s','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrhxj2wsq6rbcnsmn0daq','deploy','succeeded',NULL,'dep_01m84jrhxmenqf1fqc5j9dttgs',NULL,NULL,1,1,171.13700000000000044,'local','2026-11-23 16:10:26.614027','2026-11-23 16:10:26.628985','2026-11-23 16:10:26.823125','2026-11-23 16:10:31.857476','2026-11-23 16:40:26.614027');
INSERT INTO operations VALUES('op_01m84jrrcp0gvadc23njs24kmn','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrhxj2wsq6rbcnsmn0daq','deploy','succeeded',NULL,'dep_01m84jrrcnaxyd6qr52g6wgwcb',NULL,'dep_01m84jrhxmenqf1fqc5j9dttgs',1,2,98.959000000000003184,'local','2026-11-23 16:10:33.238045','2026-11-23 16:10:33.261473','2026-11-23 16:10:33.329021','2026-11-23 16:10:37.334577','2026-11-23 16:40:33.238045');
INSERT INTO operations VALUES('op_01m84jrxejts381tnddfg854wp','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrxeg73kh5j09pye7yza1','deploy','succeeded',NULL,'dep_01m84jrxehpyrqjm00ja5rat0w',NULL,'dep_01m84jrrcnaxyd6qr52g6wgwcb',0,3,122.19899999999999806,'local','2026-11-23 16:10:38.418248','2026-11-23 16:10:38.441107','2026-11-23 16:10:38.488430','2026-11-23 16:10:41.106914','2026-11-23 16:40:38.418248');
INSERT INTO operations VALUES('op_01m84js1vy4cx8wf0snkkkerd9','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrhxj2wsq6rbcnsmn0daq','rollback','succeeded',NULL,'dep_01m84jrhxmenqf1fqc5j9dttgs','dep_01m84jrrcnaxyd6qr52g6wgwcb','dep_01m84jrrcnaxyd6qr52g6wgwcb',1,4,144.52899999999999636,'local','2026-11-23 16:10:42.942605','2026-11-23 16:10:43.024172','2026-11-23 16:10:43.075697','2026-11-23 16:10:43.543959','2026-11-23 16:40:42.942605');
INSERT INTO operations VALUES('op_01m84js36jdeemga2cm6hazt2x','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrhxj2wsq6rbcnsmn0daq','deploy','succeeded',NULL,'dep_01m84js36j28200bcv64ek87zb',NULL,'dep_01m84jrhxmenqf1fqc5j9dttgs',0,5,31.962999999999997414,'local','2026-11-23 16:10:44.306900','2026-11-23 16:10:44.331854','2026-11-23 16:10:44.365196','2026-11-23 16:10:47.692220','2026-11-23 16:40:44.306900');
INSERT INTO operations VALUES('op_01m84js7n5dxvw5eb5r8e2h0hc','ws_01m84jrcmcjb4bkwpsv7wsjt86','prj_01m84js7n2z2r61gh67zqtwb5n','env_01m84js7n3ww22yrx32v8wxv9q','deploy','failed','exited with code 0 after 0.3 s; it printed nothing','dep_01m84js7n4sjc6na9z7v02t2s7',NULL,NULL,0,NULL,NULL,'local','2026-11-23 16:10:48.869416','2026-11-23 16:10:48.896018','2026-11-23 16:10:48.940140','2026-11-23 16:10:50.678719','2026-11-23 16:40:48.869416');
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
INSERT INTO placements VALUES('dep_01m84jrhxmenqf1fqc5j9dttgs','local',2,'running','{"deployment_id": "dep_01m84jrhxmenqf1fqc5j9dttgs", "project": "shop", "backend": "process", "image": "release:6a1b09287b93ad9fdd6f97fd876e1407b97b9006a48b830bac0bf21f793631fc", "command": ["python", "app.py"], "resources": {"replicas": 2, "cpu_millicores": 250, "memory_mib": 128}, "health": {"path": "/healthz", "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}}',1);
INSERT INTO placements VALUES('dep_01m84jrrcnaxyd6qr52g6wgwcb','local',2,'running','{"deployment_id": "dep_01m84jrrcnaxyd6qr52g6wgwcb", "project": "shop", "backend": "process", "image": "release:e8896407ff20d2dbd9361d14437ec7db3dd66afeb86f8498ca67c6790bad5140", "command": ["python", "app.py"], "resources": {"replicas": 2, "cpu_millicores": 250, "memory_mib": 128}, "health": {"path": "/healthz", "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}}',2);
INSERT INTO placements VALUES('dep_01m84jrxehpyrqjm00ja5rat0w','local',2,'running','{"deployment_id": "dep_01m84jrxehpyrqjm00ja5rat0w", "project": "shop", "backend": "process", "image": "release:e8896407ff20d2dbd9361d14437ec7db3dd66afeb86f8498ca67c6790bad5140", "command": ["python", "app.py"], "resources": {"replicas": 2, "cpu_millicores": 250, "memory_mib": 128}, "health": {"path": "/healthz", "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}}',3);
INSERT INTO placements VALUES('dep_01m84js36j28200bcv64ek87zb','local',2,'running','{"deployment_id": "dep_01m84js36j28200bcv64ek87zb", "project": "shop", "backend": "process", "image": "release:a8e4e2f880db44dee8ed8ebabee1978f854e9bc2801bf2d1b6fc67b2669a9518", "command": ["python", "app.py"], "resources": {"replicas": 2, "cpu_millicores": 250, "memory_mib": 128}, "health": {"path": "/healthz", "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}}',4);
INSERT INTO placements VALUES('dep_01m84js7n4sjc6na9z7v02t2s7','local',1,'removed','{"deployment_id": "dep_01m84js7n4sjc6na9z7v02t2s7", "project": "broken", "backend": "process", "image": "release:428c91982a42f330cb6986b9922ca19f852ead07bc10ee1bf2fcd57bd299c1f8", "command": ["python3", "-c", "1"], "resources": {"replicas": 1, "cpu_millicores": 500, "memory_mib": 512}, "health": {"path": null, "interval": 0.5, "timeout": 2.0, "passes": 2, "deadline": 60.0}}',6);
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
INSERT INTO routes VALUES('rte_01m84jrpm3ja39v8dzwkn6dv6n','shop-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrhxj2wsq6rbcnsmn0daq','dep_01m84jrhxmenqf1fqc5j9dttgs','live',NULL);
INSERT INTO routes VALUES('rte_01m84jrpm3efe7cjqshn75wsp2','shop-git-1111111-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrhxj2wsq6rbcnsmn0daq','dep_01m84jrhxmenqf1fqc5j9dttgs','none',NULL);
INSERT INTO routes VALUES('rte_01m84jrpm30jtrnbqpz2rrjd3b','shop-git-main-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrhxj2wsq6rbcnsmn0daq','dep_01m84js36j28200bcv64ek87zb','branch','main');
INSERT INTO routes VALUES('rte_01m84jrpm3d4v27a80x2bw9760','shop-production-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrhxj2wsq6rbcnsmn0daq','dep_01m84jrhxmenqf1fqc5j9dttgs','environment',NULL);
INSERT INTO routes VALUES('rte_01m84jrw4yvf3f7s227jjykqs6','shop-git-2222222-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrhxj2wsq6rbcnsmn0daq','dep_01m84jrrcnaxyd6qr52g6wgwcb','none',NULL);
INSERT INTO routes VALUES('rte_01m84jrzxzvcfzwk49cry8rce0','shop-git-3333333-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrxeg73kh5j09pye7yza1','dep_01m84jrxehpyrqjm00ja5rat0w','none',NULL);
INSERT INTO routes VALUES('rte_01m84jrzxz6qray9ef3k76w91t','shop-git-feature-x-217d2bf51f-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrxeg73kh5j09pye7yza1','dep_01m84jrxehpyrqjm00ja5rat0w','branch','feature/x');
INSERT INTO routes VALUES('rte_01m84jrzxz7x1eq9tzab3gpqsw','shop-preview-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrxeg73kh5j09pye7yza1','dep_01m84jrxehpyrqjm00ja5rat0w','environment',NULL);
INSERT INTO routes VALUES('rte_01m84js6a0etwc9153j8nd68zg','shop-git-4444444-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','env_01m84jrhxj2wsq6rbcnsmn0daq','dep_01m84js36j28200bcv64ek87zb','none',NULL);
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
INSERT INTO operation_steps VALUES('op_01m84jrhxp65tw3mjj30nb895s','build started',0,'done','2026-11-23 16:10:26.753022','2026-11-23 16:10:27.225922',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrhxp65tw3mjj30nb895s','build',1,'done','2026-11-23 16:10:27.281360','2026-11-23 16:10:28.714629','release:6a1b09287b93ad9fdd6f97fd876e1407b97b9006a48b830bac0bf21f793631fc');
INSERT INTO operation_steps VALUES('op_01m84jrhxp65tw3mjj30nb895s','lookup',2,'done','2026-11-23 16:10:28.744877','2026-11-23 16:10:28.776608',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrhxp65tw3mjj30nb895s','context',3,'done','2026-11-23 16:10:28.877585','2026-11-23 16:10:28.928895',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrhxp65tw3mjj30nb895s','building',4,'done','2026-11-23 16:10:28.982865','2026-11-23 16:10:29.017010','release:6a1b09287b93ad9fdd6f97fd876e1407b97b9006a48b830bac0bf21f793631fc');
INSERT INTO operation_steps VALUES('op_01m84jrhxp65tw3mjj30nb895s','containers',5,'done','2026-11-23 16:10:29.042110','2026-11-23 16:10:29.108871','2 instances in local');
INSERT INTO operation_steps VALUES('op_01m84jrhxp65tw3mjj30nb895s','readiness',6,'done','2026-11-23 16:10:29.129059','2026-11-23 16:10:31.054159',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrhxp65tw3mjj30nb895s','registration',7,'done','2026-11-23 16:10:31.082106','2026-11-23 16:10:31.139183','127.0.0.1:43723, 127.0.0.1:60591');
INSERT INTO operation_steps VALUES('op_01m84jrhxp65tw3mjj30nb895s','openapi',8,'done','2026-11-23 16:10:31.154185','2026-11-23 16:10:31.366534','OpenAPI 3.1.0, 4 paths');
INSERT INTO operation_steps VALUES('op_01m84jrhxp65tw3mjj30nb895s','domains',9,'done','2026-11-23 16:10:31.387114','2026-11-23 16:10:31.395464',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrhxp65tw3mjj30nb895s','ready',10,'done','2026-11-23 16:10:31.395464','2026-11-23 16:10:31.395464',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrhxp65tw3mjj30nb895s','live',11,'done','2026-11-23 16:10:31.395464','2026-11-23 16:10:31.395464',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrhxp65tw3mjj30nb895s','propagation',12,'done','2026-11-23 16:10:31.510919','2026-11-23 16:10:31.702585','every gateway confirmed within 171.1 ms');
INSERT INTO operation_steps VALUES('op_01m84jrrcp0gvadc23njs24kmn','build started',0,'done','2026-11-23 16:10:33.317855','2026-11-23 16:10:33.348586',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrrcp0gvadc23njs24kmn','build',1,'done','2026-11-23 16:10:33.351074','2026-11-23 16:10:34.792613','release:e8896407ff20d2dbd9361d14437ec7db3dd66afeb86f8498ca67c6790bad5140');
INSERT INTO operation_steps VALUES('op_01m84jrrcp0gvadc23njs24kmn','lookup',2,'done','2026-11-23 16:10:34.877137','2026-11-23 16:10:34.969749',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrrcp0gvadc23njs24kmn','context',3,'done','2026-11-23 16:10:35.034572','2026-11-23 16:10:35.046230',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrrcp0gvadc23njs24kmn','building',4,'done','2026-11-23 16:10:35.062002','2026-11-23 16:10:35.074226','release:e8896407ff20d2dbd9361d14437ec7db3dd66afeb86f8498ca67c6790bad5140');
INSERT INTO operation_steps VALUES('op_01m84jrrcp0gvadc23njs24kmn','containers',5,'done','2026-11-23 16:10:35.085840','2026-11-23 16:10:35.117073','2 instances in local');
INSERT INTO operation_steps VALUES('op_01m84jrrcp0gvadc23njs24kmn','readiness',6,'done','2026-11-23 16:10:35.125329','2026-11-23 16:10:36.741895',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrrcp0gvadc23njs24kmn','registration',7,'done','2026-11-23 16:10:36.764336','2026-11-23 16:10:36.790211','127.0.0.1:44385, 127.0.0.1:59335');
INSERT INTO operation_steps VALUES('op_01m84jrrcp0gvadc23njs24kmn','openapi',8,'done','2026-11-23 16:10:36.833511','2026-11-23 16:10:36.965738','OpenAPI 3.1.0, 4 paths');
INSERT INTO operation_steps VALUES('op_01m84jrrcp0gvadc23njs24kmn','domains',9,'done','2026-11-23 16:10:37.055848','2026-11-23 16:10:37.081356',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrrcp0gvadc23njs24kmn','ready',10,'done','2026-11-23 16:10:37.081356','2026-11-23 16:10:37.081356',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrrcp0gvadc23njs24kmn','live',11,'done','2026-11-23 16:10:37.081356','2026-11-23 16:10:37.081356',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrrcp0gvadc23njs24kmn','propagation',12,'done','2026-11-23 16:10:37.102195','2026-11-23 16:10:37.239041','every gateway confirmed within 99.0 ms');
INSERT INTO operation_steps VALUES('op_01m84jrxejts381tnddfg854wp','build started',0,'done','2026-11-23 16:10:38.452127','2026-11-23 16:10:38.537631',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrxejts381tnddfg854wp','build',1,'done','2026-11-23 16:10:38.540960','2026-11-23 16:10:39.103778','release:e8896407ff20d2dbd9361d14437ec7db3dd66afeb86f8498ca67c6790bad5140');
INSERT INTO operation_steps VALUES('op_01m84jrxejts381tnddfg854wp','lookup',2,'done','2026-11-23 16:10:39.125177','2026-11-23 16:10:39.130302',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrxejts381tnddfg854wp','context',3,'done','2026-11-23 16:10:39.165019','2026-11-23 16:10:39.185977',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrxejts381tnddfg854wp','building',4,'done','2026-11-23 16:10:39.220861','2026-11-23 16:10:39.239257','release:e8896407ff20d2dbd9361d14437ec7db3dd66afeb86f8498ca67c6790bad5140');
INSERT INTO operation_steps VALUES('op_01m84jrxejts381tnddfg854wp','containers',5,'done','2026-11-23 16:10:39.254266','2026-11-23 16:10:39.279829','2 instances in local');
INSERT INTO operation_steps VALUES('op_01m84jrxejts381tnddfg854wp','readiness',6,'done','2026-11-23 16:10:39.307913','2026-11-23 16:10:40.520764',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrxejts381tnddfg854wp','registration',7,'done','2026-11-23 16:10:40.581179','2026-11-23 16:10:40.700574','127.0.0.1:52185, 127.0.0.1:50471');
INSERT INTO operation_steps VALUES('op_01m84jrxejts381tnddfg854wp','openapi',8,'done','2026-11-23 16:10:40.761575','2026-11-23 16:10:40.855913','OpenAPI 3.1.0, 4 paths');
INSERT INTO operation_steps VALUES('op_01m84jrxejts381tnddfg854wp','domains',9,'done','2026-11-23 16:10:40.886010','2026-11-23 16:10:40.908042',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrxejts381tnddfg854wp','ready',10,'done','2026-11-23 16:10:40.908042','2026-11-23 16:10:40.908042',NULL);
INSERT INTO operation_steps VALUES('op_01m84jrxejts381tnddfg854wp','live',11,'skipped','2026-11-23 16:10:40.908042','2026-11-23 16:10:40.908042','only production is live');
INSERT INTO operation_steps VALUES('op_01m84jrxejts381tnddfg854wp','propagation',12,'done','2026-11-23 16:10:41.040271','2026-11-23 16:10:41.071491','every gateway confirmed within 122.2 ms');
INSERT INTO operation_steps VALUES('op_01m84js1vy4cx8wf0snkkkerd9','lookup',0,'done','2026-11-23 16:10:43.048271','2026-11-23 16:10:43.105959',NULL);
INSERT INTO operation_steps VALUES('op_01m84js1vy4cx8wf0snkkkerd9','domains',1,'done','2026-11-23 16:10:43.143078','2026-11-23 16:10:43.163311',NULL);
INSERT INTO operation_steps VALUES('op_01m84js1vy4cx8wf0snkkkerd9','live',2,'done','2026-11-23 16:10:43.163311','2026-11-23 16:10:43.163311',NULL);
INSERT INTO operation_steps VALUES('op_01m84js1vy4cx8wf0snkkkerd9','propagation',3,'done','2026-11-23 16:10:43.255311','2026-11-23 16:10:43.497837','every gateway confirmed within 144.5 ms');
INSERT INTO operation_steps VALUES('op_01m84js36jdeemga2cm6hazt2x','build started',0,'done','2026-11-23 16:10:44.359977','2026-11-23 16:10:44.413063',NULL);
INSERT INTO operation_steps VALUES('op_01m84js36jdeemga2cm6hazt2x','build',1,'done','2026-11-23 16:10:44.423323','2026-11-23 16:10:45.800245','release:a8e4e2f880db44dee8ed8ebabee1978f854e9bc2801bf2d1b6fc67b2669a9518');
INSERT INTO operation_steps VALUES('op_01m84js36jdeemga2cm6hazt2x','lookup',2,'done','2026-11-23 16:10:45.813619','2026-11-23 16:10:45.818700',NULL);
INSERT INTO operation_steps VALUES('op_01m84js36jdeemga2cm6hazt2x','context',3,'done','2026-11-23 16:10:45.830765','2026-11-23 16:10:45.838408',NULL);
INSERT INTO operation_steps VALUES('op_01m84js36jdeemga2cm6hazt2x','building',4,'done','2026-11-23 16:10:45.853863','2026-11-23 16:10:45.863216','release:a8e4e2f880db44dee8ed8ebabee1978f854e9bc2801bf2d1b6fc67b2669a9518');
INSERT INTO operation_steps VALUES('op_01m84js36jdeemga2cm6hazt2x','containers',5,'done','2026-11-23 16:10:45.874774','2026-11-23 16:10:45.945885','2 instances in local');
INSERT INTO operation_steps VALUES('op_01m84js36jdeemga2cm6hazt2x','readiness',6,'done','2026-11-23 16:10:45.952379','2026-11-23 16:10:47.327800',NULL);
INSERT INTO operation_steps VALUES('op_01m84js36jdeemga2cm6hazt2x','registration',7,'done','2026-11-23 16:10:47.352573','2026-11-23 16:10:47.372331','127.0.0.1:35387, 127.0.0.1:52229');
INSERT INTO operation_steps VALUES('op_01m84js36jdeemga2cm6hazt2x','openapi',8,'done','2026-11-23 16:10:47.385491','2026-11-23 16:10:47.462216','OpenAPI 3.1.0, 4 paths');
INSERT INTO operation_steps VALUES('op_01m84js36jdeemga2cm6hazt2x','domains',9,'done','2026-11-23 16:10:47.481281','2026-11-23 16:10:47.484144',NULL);
INSERT INTO operation_steps VALUES('op_01m84js36jdeemga2cm6hazt2x','ready',10,'done','2026-11-23 16:10:47.484144','2026-11-23 16:10:47.484144',NULL);
INSERT INTO operation_steps VALUES('op_01m84js36jdeemga2cm6hazt2x','live',11,'skipped','2026-11-23 16:10:47.484144','2026-11-23 16:10:47.484144','the project is rolled back; promote a deployment to let new ones go live again');
INSERT INTO operation_steps VALUES('op_01m84js36jdeemga2cm6hazt2x','propagation',12,'done','2026-11-23 16:10:47.501253','2026-11-23 16:10:47.648181','every gateway confirmed within 32.0 ms');
INSERT INTO operation_steps VALUES('op_01m84js7n5dxvw5eb5r8e2h0hc','build started',0,'done','2026-11-23 16:10:48.935424','2026-11-23 16:10:48.993034',NULL);
INSERT INTO operation_steps VALUES('op_01m84js7n5dxvw5eb5r8e2h0hc','build',1,'done','2026-11-23 16:10:48.995800','2026-11-23 16:10:49.550498','release:428c91982a42f330cb6986b9922ca19f852ead07bc10ee1bf2fcd57bd299c1f8');
INSERT INTO operation_steps VALUES('op_01m84js7n5dxvw5eb5r8e2h0hc','lookup',2,'done','2026-11-23 16:10:49.589066','2026-11-23 16:10:49.602557',NULL);
INSERT INTO operation_steps VALUES('op_01m84js7n5dxvw5eb5r8e2h0hc','context',3,'done','2026-11-23 16:10:49.621695','2026-11-23 16:10:49.634270',NULL);
INSERT INTO operation_steps VALUES('op_01m84js7n5dxvw5eb5r8e2h0hc','building',4,'done','2026-11-23 16:10:49.654086','2026-11-23 16:10:49.669521','release:428c91982a42f330cb6986b9922ca19f852ead07bc10ee1bf2fcd57bd299c1f8');
INSERT INTO operation_steps VALUES('op_01m84js7n5dxvw5eb5r8e2h0hc','containers',5,'done','2026-11-23 16:10:49.681453','2026-11-23 16:10:49.705788','1 instance in local');
INSERT INTO operation_steps VALUES('op_01m84js7n5dxvw5eb5r8e2h0hc','readiness',6,'failed','2026-11-23 16:10:49.712936','2026-11-23 16:10:50.173685','exited with code 0 after 0.3 s; it printed nothing');
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
INSERT INTO sentinel_configs VALUES('shop-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','dep_01m84jrhxmenqf1fqc5j9dttgs',replace('{\n  "deployment": {\n    "id": "dep_01m84jrhxmenqf1fqc5j9dttgs",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84jrmd6mkbhbnqyt2sr9gky",\n      "address": "127.0.0.1:43723",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84jrmd74aec9053drypb5fs",\n      "address": "127.0.0.1:60591",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "5bb5bf4479582b11c69b1217ab6e847684df543cb6edbcfc99a4ffd599d7c22c"\n  }\n}','\n',char(10)));
INSERT INTO sentinel_configs VALUES('shop-git-1111111-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','dep_01m84jrhxmenqf1fqc5j9dttgs',replace('{\n  "deployment": {\n    "id": "dep_01m84jrhxmenqf1fqc5j9dttgs",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84jrmd6mkbhbnqyt2sr9gky",\n      "address": "127.0.0.1:43723",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84jrmd74aec9053drypb5fs",\n      "address": "127.0.0.1:60591",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "5bb5bf4479582b11c69b1217ab6e847684df543cb6edbcfc99a4ffd599d7c22c"\n  }\n}','\n',char(10)));
INSERT INTO sentinel_configs VALUES('shop-git-main-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','dep_01m84js36j28200bcv64ek87zb',replace('{\n  "deployment": {\n    "id": "dep_01m84js36j28200bcv64ek87zb",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84js4v7b6asft65bfe262jn",\n      "address": "127.0.0.1:35387",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84js4v8vysderq5esqzx69v",\n      "address": "127.0.0.1:52229",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "047d74a602443dba47ed64dcb5a39247118bf11d25ee7de751d1bda86828b9ef"\n  }\n}','\n',char(10)));
INSERT INTO sentinel_configs VALUES('shop-production-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','dep_01m84jrhxmenqf1fqc5j9dttgs',replace('{\n  "deployment": {\n    "id": "dep_01m84jrhxmenqf1fqc5j9dttgs",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84jrmd6mkbhbnqyt2sr9gky",\n      "address": "127.0.0.1:43723",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84jrmd74aec9053drypb5fs",\n      "address": "127.0.0.1:60591",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "5bb5bf4479582b11c69b1217ab6e847684df543cb6edbcfc99a4ffd599d7c22c"\n  }\n}','\n',char(10)));
INSERT INTO sentinel_configs VALUES('shop-git-2222222-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','dep_01m84jrrcnaxyd6qr52g6wgwcb',replace('{\n  "deployment": {\n    "id": "dep_01m84jrrcnaxyd6qr52g6wgwcb",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84jrtaaz2pht0skg0bjhtpr",\n      "address": "127.0.0.1:44385",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84jrtab8fvdxxb0xdrnry5x",\n      "address": "127.0.0.1:59335",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "bf88bc1bc8c6fd699c2fbe67c0b1a36d34587d7316aeff5b3183ae82e11e60d3"\n  }\n}','\n',char(10)));
INSERT INTO sentinel_configs VALUES('shop-git-3333333-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','dep_01m84jrxehpyrqjm00ja5rat0w',replace('{\n  "deployment": {\n    "id": "dep_01m84jrxehpyrqjm00ja5rat0w",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84jry9wfzmkzkyd9cwtspbg",\n      "address": "127.0.0.1:52185",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84jry9xqswgqeaxvbmw9x54",\n      "address": "127.0.0.1:50471",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "bf88bc1bc8c6fd699c2fbe67c0b1a36d34587d7316aeff5b3183ae82e11e60d3"\n  }\n}','\n',char(10)));
INSERT INTO sentinel_configs VALUES('shop-git-feature-x-217d2bf51f-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','dep_01m84jrxehpyrqjm00ja5rat0w',replace('{\n  "deployment": {\n    "id": "dep_01m84jrxehpyrqjm00ja5rat0w",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84jry9wfzmkzkyd9cwtspbg",\n      "address": "127.0.0.1:52185",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84jry9xqswgqeaxvbmw9x54",\n      "address": "127.0.0.1:50471",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "bf88bc1bc8c6fd699c2fbe67c0b1a36d34587d7316aeff5b3183ae82e11e60d3"\n  }\n}','\n',char(10)));
INSERT INTO sentinel_configs VALUES('shop-preview-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','dep_01m84jrxehpyrqjm00ja5rat0w',replace('{\n  "deployment": {\n    "id": "dep_01m84jrxehpyrqjm00ja5rat0w",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84jry9wfzmkzkyd9cwtspbg",\n      "address": "127.0.0.1:52185",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84jry9xqswgqeaxvbmw9x54",\n      "address": "127.0.0.1:50471",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "bf88bc1bc8c6fd699c2fbe67c0b1a36d34587d7316aeff5b3183ae82e11e60d3"\n  }\n}','\n',char(10)));
INSERT INTO sentinel_configs VALUES('shop-git-4444444-default.localhost','prj_01m84jrhxhck36zgzk1n1exne5','dep_01m84js36j28200bcv64ek87zb',replace('{\n  "deployment": {\n    "id": "dep_01m84js36j28200bcv64ek87zb",\n    "isEnabled": true\n  },\n  "vms": [\n    {\n      "id": "ins_01m84js4v7b6asft65bfe262jn",\n      "address": "127.0.0.1:35387",\n      "region": "local"\n    },\n    {\n      "id": "ins_01m84js4v8vysderq5esqzx69v",\n      "address": "127.0.0.1:52229",\n      "region": "local"\n    }\n  ],\n  "validationConfig": {\n    "openapiSpecId": "047d74a602443dba47ed64dcb5a39247118bf11d25ee7de751d1bda86828b9ef"\n  }\n}','\n',char(10)));
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
INSERT INTO switches VALUES('sw_01m84jrpmyepn3z168h4bvth0e','op_01m84jrhxp65tw3mjj30nb895s',1,'deploy','prj_01m84jrhxhck36zgzk1n1exne5',NULL,'dep_01m84jrhxmenqf1fqc5j9dttgs',0,'[{"fqdn": "shop-default.localhost", "from": null, "to": "dep_01m84jrhxmenqf1fqc5j9dttgs"}, {"fqdn": "shop-git-1111111-default.localhost", "from": null, "to": "dep_01m84jrhxmenqf1fqc5j9dttgs"}, {"fqdn": "shop-git-main-default.localhost", "from": null, "to": "dep_01m84jrhxmenqf1fqc5j9dttgs"}, {"fqdn": "shop-production-default.localhost", "from": null, "to": "dep_01m84jrhxmenqf1fqc5j9dttgs"}]','local','{"operation_id": "op_01m84jrhxp65tw3mjj30nb895s", "generation": 1, "previous_deployment_id": null, "live_deployment_id": "dep_01m84jrhxmenqf1fqc5j9dttgs", "took_live": true, "released": [], "committed_at": "2026-11-23T16:10:31.395464+00:00"}','2026-11-23 16:10:31.395464');
INSERT INTO switches VALUES('sw_01m84jrw5525z07erea0h0vjks','op_01m84jrrcp0gvadc23njs24kmn',2,'deploy','prj_01m84jrhxhck36zgzk1n1exne5','dep_01m84jrhxmenqf1fqc5j9dttgs','dep_01m84jrrcnaxyd6qr52g6wgwcb',0,'[{"fqdn": "shop-default.localhost", "from": "dep_01m84jrhxmenqf1fqc5j9dttgs", "to": "dep_01m84jrrcnaxyd6qr52g6wgwcb"}, {"fqdn": "shop-git-2222222-default.localhost", "from": null, "to": "dep_01m84jrrcnaxyd6qr52g6wgwcb"}, {"fqdn": "shop-git-main-default.localhost", "from": "dep_01m84jrhxmenqf1fqc5j9dttgs", "to": "dep_01m84jrrcnaxyd6qr52g6wgwcb"}, {"fqdn": "shop-production-default.localhost", "from": "dep_01m84jrhxmenqf1fqc5j9dttgs", "to": "dep_01m84jrrcnaxyd6qr52g6wgwcb"}]','local','{"operation_id": "op_01m84jrrcp0gvadc23njs24kmn", "generation": 2, "previous_deployment_id": "dep_01m84jrhxmenqf1fqc5j9dttgs", "live_deployment_id": "dep_01m84jrrcnaxyd6qr52g6wgwcb", "took_live": true, "released": ["dep_01m84jrhxmenqf1fqc5j9dttgs"], "committed_at": "2026-11-23T16:10:37.081356+00:00"}','2026-11-23 16:10:37.081356');
INSERT INTO switches VALUES('sw_01m84jrzy8z2f805wascrjehbb','op_01m84jrxejts381tnddfg854wp',3,'deploy','prj_01m84jrhxhck36zgzk1n1exne5','dep_01m84jrrcnaxyd6qr52g6wgwcb','dep_01m84jrrcnaxyd6qr52g6wgwcb',0,'[{"fqdn": "shop-git-3333333-default.localhost", "from": null, "to": "dep_01m84jrxehpyrqjm00ja5rat0w"}, {"fqdn": "shop-git-feature-x-217d2bf51f-default.localhost", "from": null, "to": "dep_01m84jrxehpyrqjm00ja5rat0w"}, {"fqdn": "shop-preview-default.localhost", "from": null, "to": "dep_01m84jrxehpyrqjm00ja5rat0w"}]','local','{"operation_id": "op_01m84jrxejts381tnddfg854wp", "generation": 3, "previous_deployment_id": "dep_01m84jrrcnaxyd6qr52g6wgwcb", "live_deployment_id": "dep_01m84jrrcnaxyd6qr52g6wgwcb", "took_live": false, "released": [], "committed_at": "2026-11-23T16:10:40.908042+00:00"}','2026-11-23 16:10:40.908042');
INSERT INTO switches VALUES('sw_01m84js24zkv6r5jkm2gg403tn','op_01m84js1vy4cx8wf0snkkkerd9',4,'rollback','prj_01m84jrhxhck36zgzk1n1exne5','dep_01m84jrrcnaxyd6qr52g6wgwcb','dep_01m84jrhxmenqf1fqc5j9dttgs',1,'[{"fqdn": "shop-default.localhost", "from": "dep_01m84jrrcnaxyd6qr52g6wgwcb", "to": "dep_01m84jrhxmenqf1fqc5j9dttgs"}, {"fqdn": "shop-production-default.localhost", "from": "dep_01m84jrrcnaxyd6qr52g6wgwcb", "to": "dep_01m84jrhxmenqf1fqc5j9dttgs"}]','local','{"operation_id": "op_01m84js1vy4cx8wf0snkkkerd9", "generation": 4, "previous_deployment_id": "dep_01m84jrrcnaxyd6qr52g6wgwcb", "live_deployment_id": "dep_01m84jrhxmenqf1fqc5j9dttgs", "took_live": true, "released": ["dep_01m84jrrcnaxyd6qr52g6wgwcb"], "committed_at": "2026-11-23T16:10:43.163311+00:00"}','2026-11-23 16:10:43.163311');
INSERT INTO switches VALUES('sw_01m84js6a76n55xy43wsa2pkd3','op_01m84js36jdeemga2cm6hazt2x',5,'deploy','prj_01m84jrhxhck36zgzk1n1exne5','dep_01m84jrhxmenqf1fqc5j9dttgs','dep_01m84jrhxmenqf1fqc5j9dttgs',1,'[{"fqdn": "shop-git-4444444-default.localhost", "from": null, "to": "dep_01m84js36j28200bcv64ek87zb"}, {"fqdn": "shop-git-main-default.localhost", "from": "dep_01m84jrrcnaxyd6qr52g6wgwcb", "to": "dep_01m84js36j28200bcv64ek87zb"}]','local','{"operation_id": "op_01m84js36jdeemga2cm6hazt2x", "generation": 5, "previous_deployment_id": "dep_01m84jrhxmenqf1fqc5j9dttgs", "live_deployment_id": "dep_01m84jrhxmenqf1fqc5j9dttgs", "took_live": false, "released": ["dep_01m84jrrcnaxyd6qr52g6wgwcb"], "committed_at": "2026-11-23T16:10:47.484144+00:00"}','2026-11-23 16:10:47.484144');
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
	CONSTRAINT ck_waits_generation CHECK ((kind = 'generation') = (generation IS NOT NULL)), 
	CONSTRAINT ck_waits_kind CHECK (kind IN ('instances-running', 'instances-gone', 'generation')), 
	CONSTRAINT fk_waits_deployment_id FOREIGN KEY(deployment_id) REFERENCES deployments (id), 
	CONSTRAINT fk_waits_operation_id FOREIGN KEY(operation_id) REFERENCES operations (id)
);
INSERT INTO waits VALUES('sign_14sIADsiwyntqj-8UKn8Rckuvcv4u6NNKAAAAEQ','op_01m84jrhxp65tw3mjj30nb895s','instances-running','dep_01m84jrhxmenqf1fqc5j9dttgs',NULL,2,'2026-11-23 16:10:29.062171','2026-11-23 16:11:44.062171','2026-11-23 16:10:31.036798');
INSERT INTO waits VALUES('sign_14sIADsiwynuoMKcj7QAi3jbcNF6xTVR_AAAAEQ','op_01m84jrhxp65tw3mjj30nb895s','generation','dep_01m84jrhxmenqf1fqc5j9dttgs',1,0,'2026-11-23 16:10:31.395464','2026-11-23 16:10:41.395464','2026-11-23 16:10:31.688114');
INSERT INTO waits VALUES('sign_14sIADsiwyntq2s8Nyt9oGUIPKlB9BpszAAAAEQ','op_01m84jrrcp0gvadc23njs24kmn','instances-running','dep_01m84jrrcnaxyd6qr52g6wgwcb',NULL,2,'2026-11-23 16:10:35.097858','2026-11-23 16:11:50.097858','2026-11-23 16:10:36.724416');
INSERT INTO waits VALUES('sign_14sIADsiwynv4bi0uBsFhidDOoqb8EeuxAAAAEQ','op_01m84jrrcp0gvadc23njs24kmn','generation','dep_01m84jrrcnaxyd6qr52g6wgwcb',2,0,'2026-11-23 16:10:37.081356','2026-11-23 16:10:47.081356','2026-11-23 16:10:37.217802');
INSERT INTO waits VALUES('sign_14sIADsiwyntN8DqBZph-QoiJN7DFWtqPAAAAEQ','op_01m84jrxejts381tnddfg854wp','instances-running','dep_01m84jrxehpyrqjm00ja5rat0w',NULL,2,'2026-11-23 16:10:39.265012','2026-11-23 16:11:54.265012','2026-11-23 16:10:40.496633');
INSERT INTO waits VALUES('sign_14sIADsiwyntT9h_vWqvYWQijxBWytorEAAAAEQ','op_01m84jrxejts381tnddfg854wp','generation','dep_01m84jrxehpyrqjm00ja5rat0w',3,0,'2026-11-23 16:10:40.908042','2026-11-23 16:10:50.908042','2026-11-23 16:10:41.053860');
INSERT INTO waits VALUES('sign_14sIADsiwyns6R9QF2gxMIfvKWk9M6QrVAAAAEQ','op_01m84js1vy4cx8wf0snkkkerd9','generation','dep_01m84jrhxmenqf1fqc5j9dttgs',4,0,'2026-11-23 16:10:43.163311','2026-11-23 16:10:53.163311','2026-11-23 16:10:43.473132');
INSERT INTO waits VALUES('sign_14sIADsiwyntUlV92qD0ouYBtMTqVmPyRAAAAEQ','op_01m84js36jdeemga2cm6hazt2x','instances-running','dep_01m84js36j28200bcv64ek87zb',NULL,2,'2026-11-23 16:10:45.937107','2026-11-23 16:12:00.937107','2026-11-23 16:10:47.314162');
INSERT INTO waits VALUES('sign_14sIADsiwynsDug2KYbVtFzWos25B0U6WAAAAEQ','op_01m84js36jdeemga2cm6hazt2x','generation','dep_01m84js36j28200bcv64ek87zb',5,0,'2026-11-23 16:10:47.484144','2026-11-23 16:10:57.484144','2026-11-23 16:10:47.587794');
INSERT INTO waits VALUES('sign_1Daojjhnl3BUx6iOztWskaf_bqbCca3W_AAAAEQ','op_01m84js7n5dxvw5eb5r8e2h0hc','instances-running','dep_01m84js7n4sjc6na9z7v02t2s7',NULL,1,'2026-11-23 16:10:49.691998','2026-11-23 16:12:04.691998','2026-11-23 16:10:50.157593');
INSERT INTO waits VALUES('sign_1Daojjhnl3BUx6iOztWskaf_bqbCca3W_AAAAEg','op_01m84js7n5dxvw5eb5r8e2h0hc','instances-gone','dep_01m84js7n4sjc6na9z7v02t2s7',NULL,0,'2026-11-23 16:10:50.186001','2026-11-23 16:11:10.186001','2026-11-23 16:10:50.597528');
CREATE INDEX ix_audit_log_workspace_id_at ON audit_log (workspace_id, at);
CREATE INDEX ix_project_changes_change ON project_changes (change);
CREATE INDEX ix_deployments_project_id_created_at ON deployments (project_id, created_at);
CREATE INDEX ix_operations_open ON operations (created_at) WHERE status IN ('pending', 'running');
CREATE INDEX ix_operations_project_id_created_at ON operations (project_id, created_at);
CREATE UNIQUE INDEX uq_operations_deploy ON operations (deployment_id) WHERE kind = 'deploy';
CREATE INDEX ix_placements_region_revision ON placements (region, revision);
CREATE INDEX ix_routes_deployment_id ON routes (deployment_id);
CREATE INDEX ix_routes_project_id_environment_id_sticky ON routes (project_id, environment_id, sticky);
CREATE INDEX ix_instances_deployment_id ON instances (deployment_id);
CREATE INDEX ix_instances_region ON instances (region);
CREATE INDEX ix_switches_project_id_generation ON switches (project_id, generation);
CREATE INDEX ix_waits_open ON waits (created_at) WHERE settled_at IS NULL;
COMMIT;
