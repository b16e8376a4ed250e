-- oldest: 1
--
-- Files and cabinets, as storage/bolt/drive.go and storage/bolt/cabinet.go have them. Ids are 16
-- octets, and an empty one is none; times are seconds since 1970. All is written under the
-- lock of the owner's row, in which bytes counts what objects were declared with, too.

create table drives (
	owner    text collate "C" primary key,
	objects  bigint not null,
	uploads  bigint not null, -- of them, on their way
	brought  bigint not null, -- and of those, by strangers or by the server
	links    bigint not null,
	requests bigint not null,
	bytes    bigint not null  -- of all objects, as they were declared
) with (fillfactor = 50);

create table drive_objects (
	owner   text collate "C",
	id      bytea,
	size    bigint not null,
	created bigint not null,
	touched bigint not null, -- of one on its way: when something of it came last
	whole   boolean not null,
	request bytea not null,  -- by which it was brought, and not taken over
	head    bytea not null,
	mail    bytea not null,  -- that it was cut out of
	primary key (owner, id)
) with (fillfactor = 70);

create index drive_objects_brought on drive_objects (owner, id) where whole and request <> '';

create index drive_objects_left on drive_objects (touched) where not whole;

create table drive_parts (
	owner  text collate "C",
	object bytea,
	n      bigint, -- from 0
	digest bytea not null, -- SHA-256
	blob   bytea not null,
	size   bigint not null,
	primary key (owner, object, n)
);

-- Whoever comes by a link or a request knows its id alone.
create table drive_links (
	id      bytea primary key,
	owner   text collate "C" not null,
	object  bytea not null,
	box     bytea not null,
	kdf     bytea not null,
	proof   bytea not null, -- SHA-256 of what proves that somebody has the secret, or empty
	created bigint not null,
	expires bigint not null,
	most    bigint not null,
	count   bigint not null,
	used    bigint[] not null, -- the last downloads, the newest first
	revoked boolean not null,
	killed  boolean not null
) with (fillfactor = 70);

create index drive_links_owner on drive_links (owner, object, id);

create table drive_requests (
	id         bytea primary key,
	owner      text collate "C" not null,
	box        bytea not null,
	created    bigint not null,
	expires    bigint not null,
	most_files bigint not null,
	most_bytes bigint not null,
	files      bigint not null,
	bytes      bigint not null,
	coming     bigint not null,
	revoked    boolean not null
) with (fillfactor = 70);

create index drive_requests_owner on drive_requests (owner, id);

create table shelves (
	owner  text collate "C" primary key,
	change bigint not null, -- highest given
	floor  bigint not null, -- at or below it, removed boxes may be forgotten
	boxes  bigint not null,
	bytes  bigint not null,
	gone   bigint not null  -- removed boxes that are remembered
) with (fillfactor = 50);

create table boxes (
	owner    text collate "C",
	drawer   smallint, -- cabinet.Drawer numbers them
	name     text collate "C",
	version  bigint not null,
	change   bigint not null,
	modified bigint not null,
	gone     boolean not null,
	blob     bytea not null, -- empty of one that is gone
	size     bigint not null,
	primary key (owner, drawer, name)
) with (fillfactor = 70);

create index boxes_change on boxes (owner, change);

create index boxes_gone on boxes (owner, change) where gone;
