-- oldest: 1
--
-- Rows that are sealed under the node key before they come, as storage/bolt/known.go and
-- papers.go have them: a key is made of pseudonyms that the node key gives, and opens its row.

create table sealed (
	kind text collate "C", -- peers, values, papers; mark: of the key
	key  bytea,
	row_ bytea not null,
	primary key (kind, key)
);
