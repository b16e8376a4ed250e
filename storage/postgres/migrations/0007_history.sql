-- oldest: 1
--
-- Which server, and which of its timelines, numbers were last given on: one row. A database
-- that was put back to an earlier moment is on another one, and so is a standby that was
-- promoted (skip.go).

create table history (
	only_  boolean primary key default true check (only_),
	server text collate "C" not null,
	after_ text collate "C" -- numbers are being left out, up to this owner it is done; null: they are not
);
