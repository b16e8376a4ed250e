-- oldest: 1
--
-- Accounts, and how people sign in, as docs/formats.md has them of the embedded index. An
-- account's own row is its lock: whoever writes of it holds that row. What belongs to one
-- account only is a key of a table, so that two nodes cannot both give it away.

create table accounts (
	account text collate "C" primary key,
	record  bytea not null -- JSON, its revision within
) with (fillfactor = 50);

-- Whose an address is, folded.
create table addresses (
	address text collate "C" primary key,
	account text collate "C" not null
);

create index addresses_account on addresses (account);

-- Whose an address was that nobody else gets.
create table former (
	sum     bytea primary key, -- SHA-256 of "sealpost former address v1", a zero byte and the address
	account text collate "C" not null -- who gave it up, or empty where that account is gone
);

create index former_account on former (account);

-- Who has a domain's unknown addresses.
create table domains (
	domain  text collate "C" primary key,
	account text collate "C" not null
);

create index domains_account on domains (account);

create table signins (
	account  text collate "C" primary key,
	revision bigint not null,
	tokens   bytea not null, -- of its sessions, 32 octets each
	keys     bytea not null, -- JSON
	sealed   bytea not null  -- under the node key
) with (fillfactor = 50);

-- Whose a session is, by the SHA-256 of its secret.
create table tokens (
	token   bytea primary key,
	account text collate "C" not null
);

create index tokens_account on tokens (account);

create table invitations (
	token   bytea primary key, -- SHA-256 of what the invited has
	expires bigint not null,
	sealed  bytea not null
);
