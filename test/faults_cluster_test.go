package test

// faultsCluster are sown into what many nodes share.
var faultsCluster = []fault{
	{"D13", "storage/postgres/ask.go", "from owners where owner = $1 for update`", "from owners where owner = $1`", "./storage/postgres", "^TestNodes$", ""},
	{"D13", "storage/postgres/commit.go", "if t.sent && err != nil && !lost(err) {", "if t.sent && err == nil {", "./storage/postgres", "^TestConnectionCut$", ""},
	{"D13", "storage/postgres/commit.go", "case now.tokens.has(t.token):", "case now.there:", "./storage/postgres", "^TestConnectionCut$", ""},
	{"D13", "mailstore/stamp.go", "answers[i] = Answer{Err: err}\n\t\t\t\treturn false\n", "answers[i] = Answer{Err: err}\n\t\t\t\tbreak\n", "./storage/postgres", "^TestOneBatch$", ""},
	{"D12", "storage/postgres/list.go", "where e.owner = $1 and e.box = $2 and e.uid between", "where e.owner >= $1 and e.box = $2 and e.uid between", "./storage/postgres", "^TestIndex$", ""},
	{"F01", "storage/postgres/errors.go", "text := \"database: SQLSTATE \" + f.Code", "text := \"database: SQLSTATE \" + f.Code + f.Message", "./storage/postgres", "^TestErrorsAreQuiet$", ""},
	{"F01", "storage/postgres/write.go", "\"keywords\", \"notes\"}", "\"keywords\"}", "./storage/postgres", "^TestIndex$", ""},
	{"remote", "storage/postgres/packs_lease.go", "where job = $1 for update`", "where job = $1`", "./storage/postgres", "^TestPacksFence$", ""},
	{"remote", "storage/postgres/packs_lease.go", "if !found || last != token {", "if !found {", "./storage/postgres", "^TestPacks$", ""},
	{"remote", "storage/postgres/packs_work.go", "e.Deleted.IsZero() || !e.Deleted.Before(deleted):", "e.Deleted.After(deleted):", "./storage/postgres", "^TestPacks$", ""},
	{"remote", "storage/postgres/packs.go", "unsure = unsure || broken(err)", "unsure = false", "./storage/postgres", "^TestPacksConnectionCut$", ""},
	{"remote", "storage/postgres/packs_work.go", "order by e.id for update`", "order by e.id`", "./storage/postgres", "^TestPacksMoveWaitsForDelete$", ""},
}
