package test

// faultsNodes are sown into what one node at a time does, and into what a node has for all.
var faultsNodes = []fault{
	{"nodes", "cmd/sealpost/reports_nodes.go", "unpackInto(part, into)", "unpackInto(parts[0], into)", "./cmd/sealpost", "^TestReportsOfManyNodes$", ""},
	{"nodes", "cmd/sealpost/reports_nodes.go", "r.values.PutUnder(context.WithoutCancel(ctx), r.by, sentName, text)", "r.values.Put(context.WithoutCancel(ctx), sentName, text)", "./cmd/sealpost", "^TestReportsOfManyNodes$", ""},
	{"nodes", "cmd/sealpost/expiry.go", "x.values.PutUnder(context.WithoutCancel(ctx), by, expiryName, text)", "x.values.Put(context.WithoutCancel(ctx), expiryName, text)", "./cmd/sealpost", "^TestKeyNoticesOfManyNodes$", ""},
	{"nodes", "cmd/sealpost/hours.go", "return hoursRow + \" \" + h.node", "return hoursRow", "./cmd/sealpost", "^TestHoursOfManyNodes$", ""},
}
