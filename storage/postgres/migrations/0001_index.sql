-- oldest: 1
--
-- The index of mailboxes, as storage/bolt/rows.go has it. Numbers that IMAP has as 32 or
-- 64 bits without a sign are bigint; times are seconds since 1970. Names compare by
-- their octets. There are no foreign keys: everything of an owner is written
-- under the lock of the owner's row.

create table owners (
	owner    text collate "C" primary key,
	modseq   bigint not null, -- highest given
	box      bigint not null, -- highest given
	valid    bigint not null, -- highest UIDVALIDITY given
	bytes    bigint not null,
	messages bigint not null,
	quota    bigint not null,
	tokens   bytea  not null  -- of the transactions that wrote last, 8 random octets each, the last one first
) with (fillfactor = 50);

create table mailboxes (
	owner       text collate "C",
	box         bigint,
	name        text collate "C" not null,
	use         text collate "C" not null,
	uidvalidity bigint not null,
	uidnext     bigint not null,
	modseq      bigint not null,
	floor       bigint not null,
	messages    bigint not null,
	unseen      bigint not null,
	deleted     bigint not null,
	expunged    bigint not null,
	bytes       bigint not null,
	primary key (owner, box)
) with (fillfactor = 70);

-- The changing half of a message.
create table entries (
	owner    text collate "C",
	box      bigint,
	uid      bigint,
	modseq   bigint not null,
	received bigint not null,
	saved    bigint not null,
	size     bigint not null,
	flags    smallint not null, -- 1 \Seen, 2 \Answered, 4 \Flagged, 8 \Deleted, 16 \Draft
	keywords text collate "C" not null, -- as first written, a space between two
	primary key (owner, box, uid)
);

create index entries_modseq on entries (owner, box, modseq, uid);

-- And the unchanging half.
create table mails (
	owner    text collate "C",
	box      bigint,
	uid      bigint,
	id       bytea not null,
	form     smallint not null, -- 1 PGP/MIME, 2 inline
	class    smallint not null, -- 0 none, 1 sealed on arrival, 2 end-to-end, 3 both
	letters  bytea not null, -- for each: kind u8, blob id (16), size as a varint
	outer_   bytea not null,
	envelope bytea not null, -- mail.Envelope gives its form
	primary key (owner, box, uid)
);

-- UIDs that were expunged, as long as they are remembered.
create table expunged (
	owner  text collate "C",
	box    bigint,
	modseq bigint,
	uid    bigint,
	primary key (owner, box, modseq, uid)
);

-- How many entries point at a blob, where it is more than one.
create table shares (
	owner   text collate "C",
	blob    bytea,
	entries bigint not null,
	primary key (owner, blob)
);

create table subscriptions (
	owner text collate "C",
	name  text collate "C",
	primary key (owner, name)
);

-- Sets of UIDs, a row for every 4,096 that are not all missing, as mailstore.UIDSet writes it.
create table sets (
	owner text collate "C",
	box   bigint,
	mark  smallint, -- 0 all that are there, 1 the unseen, 2 the deleted
	page  bigint,
	uids  bytea not null,
	primary key (owner, box, mark, page)
) with (fillfactor = 70);

-- Keywords in use, and how many messages have them.
create table keywords (
	owner    text collate "C",
	box      bigint,
	keyword  text collate "C", -- in lower case
	spelling text collate "C" not null,
	messages bigint not null,
	primary key (owner, box, keyword)
);

-- Octets that were sealed elsewhere, beside a mailbox; box 0 is the owner's own.
create table notes (
	owner text collate "C",
	box   bigint,
	note  bytea not null,
	primary key (owner, box)
);
