-- oldest: 1
--
-- Queues of mail that must still leave, as storage/bolt/queue_rows.go has them, with the leases
-- of all nodes. Times are nanoseconds since 1970 by the database's clock.

create table queues (
	queue text collate "C" primary key,
	mark  bytea not null -- nothing, sealed under the node key: by it the rows know their key
);

-- Only what is in no index changes when a row is leased, so that leases make no work for indexes.
create table queue (
	queue text collate "C",
	id    text collate "C",
	grp   bytea    not null, -- a pseudonym of who sent the mail
	due   bigint   not null,
	fence bigint   not null, -- one more for each lease
	until bigint   not null, -- end of the lease, 0: free
	held  boolean  not null,
	size  bigint   not null, -- of the sealed text, 0: it is in memory only
	body  bytea,             -- its blob id, if size is not 0
	data  bytea    not null, -- the envelope, sealed (smtp/outbound/queue/row.go)
	tokens bytea   not null, -- of the calls that wrote last, 8 random octets each, the last one first
	primary key (queue, id)
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

alter table queue alter column data set storage external;

create index queue_due on queue (queue, due) where not held;

create index queue_counts on queue (queue, grp, due) include (held, size);
