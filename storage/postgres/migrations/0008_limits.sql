-- oldest: 1
--
-- What nodes tell each other of limits (account/limit), about once a second. It is gone after
-- minutes.

create table limits (
	node  bytea,           -- 16 octets, made when a node starts
	round bigint not null, -- from 1
	at    timestamptz not null, -- by the clock of the database
	used  bytea not null,  -- sealed under the node key
	primary key (node, round)
);

create index limits_at on limits (at);
