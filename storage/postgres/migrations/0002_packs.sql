-- oldest: 1
--
-- Which blob lies where at remote stores (filestore/packs), and who may do the work that one
-- node at a time does. Times are seconds since 1970; where one may be missing it is null.

-- Whose objects these are: one row.
create table packs_store (
	only_  boolean primary key default true check (only_),
	id     bytea not null,
	secret bytea not null
);

create table packs_objects (
	key           bytea primary key, -- 16 octets
	size          bigint  not null,
	content       bigint  not null,
	made          bigint  not null,
	rule          text collate "C" not null,
	copies        text[]  not null, -- names of endpoints, sorted
	changed       bigint  not null,
	short         boolean not null,
	retired       bigint,
	doomed        boolean not null,
	-- What is in it, so that nobody has to count:
	living        bigint  not null, -- blobs that are not deleted
	octets        bigint  not null, -- of them
	first_deleted bigint,
	last_deleted  bigint
) with (fillfactor = 70);

-- Those of which perhaps nothing is needed, those that may be written anew, those to repair.
create index packs_idle on packs_objects (key) where retired is not null or living = 0;
create index packs_loose on packs_objects (size, key) where retired is null and not doomed and not short;
create index packs_short on packs_objects (key) where short and not doomed;

create table packs_entries (
	id      bytea primary key, -- of the blob
	key     bytea  not null, -- of the object
	off_    bigint not null,
	size    bigint not null,
	stored  bigint not null,
	deleted bigint
) with (fillfactor = 90);

create index packs_entries_key on packs_entries (key, off_);

-- When a job was done last.
create table packs_done (
	job text collate "C" primary key,
	at  bigint not null
);

-- Who holds one writes only while its token is the one that stands here.
create table leases (
	job   text collate "C" primary key,
	token bigint not null, -- of the last holder
	until timestamptz not null -- by the clock of the database
);
