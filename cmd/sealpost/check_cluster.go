package main

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"sealpost/config"
	"sealpost/storage/nats"
	"sealpost/storage/postgres"
	"sealpost/storage/s3"
)

// lookTime is how long a look at what nodes share may take.
const lookTime = 20 * time.Second

// sharedFindings try what nodes share: database, buckets, NATS. Nothing is changed in any.
func sharedFindings(ctx context.Context, settings config.Config) []finding {
	if !settings.Cluster.On() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	looks := []func() finding{func() finding { return lookDatabase(ctx, settings.Cluster) }}
	for _, name := range slices.Sorted(maps.Keys(settings.S3.Endpoints)) {
		looks = append(looks, func() finding { return lookBucket(ctx, name, settings.S3.Endpoints[name]) })
	}
	for _, server := range settings.Cluster.NATS {
		looks = append(looks, func() finding { return lookNATS(ctx, server, settings.Cluster) })
	}
	all := make([]finding, len(looks))
	var asked sync.WaitGroup
	for i, look := range looks {
		asked.Go(func() { all[i] = look() })
	}
	asked.Wait()
	return all
}

func lookDatabase(ctx context.Context, c config.Cluster) finding {
	f := finding{Name: "database", State: bad}
	password, err := oneLine(c.PasswordFile)
	if err != nil {
		f.Text, f.Fix = err.Error(), "cluster.database_password_file names a file with the password alone"
		return f
	}
	h, err := postgres.Examine(ctx, c.Database, postgres.Options{Password: password})
	if err != nil {
		f.Text, f.Fix = err.Error(), "cluster.database says where it is"
		return f
	}
	return databaseFinding(h)
}

// oldestPostgreSQL is the oldest version that this works with.
const oldestPostgreSQL = 150000

func databaseFinding(h postgres.Health) finding {
	f := finding{Name: "database", State: bad, Text: "PostgreSQL " + strings.Fields(h.Version + " ?")[0]}
	say := func(s state, text, fix string) finding {
		f.State, f.Text, f.Fix = s, f.Text+text, fix
		return f
	}
	switch {
	case h.Number < oldestPostgreSQL:
		return say(bad, " is too old", "15 or later is needed")
	case h.Encoding != "UTF8":
		return say(bad, " has the encoding "+h.Encoding, "make a database in UTF8: createdb --encoding UTF8 --template template0 NAME")
	case h.ReadOnly:
		return say(bad, " is a standby, which takes no mail", "name all servers in cluster.database, and say target_session_attrs=read-write there")
	case h.Oldest > h.Known:
		return say(bad, " has the tables of a later release", "install that release on this node")
	case len(h.Lossy) > 0:
		return say(warn, " loses mail that was accepted when it crashes", "set "+strings.Join(h.Lossy, " and ")+" to on, in postgresql.conf")
	case !h.Standby:
		return say(warn, " has no synchronous standby: with its disk, all mail is lost that came after the last backup", "synchronous_standby_names, docs/cluster.md")
	case h.Done == 0:
		return say(well, ", empty: the first node makes the tables", "")
	}
	return say(well, ", with a synchronous standby", "")
}

func lookBucket(ctx context.Context, name string, e config.Endpoint) finding {
	f := finding{Name: "bucket " + name, State: bad}
	endpoints, err := s3Endpoints(map[string]config.Endpoint{name: e})
	if err == nil {
		f.Fix = "docs/s3.md says what a provider must have, and which rights the key needs"
		err = s3.Try(ctx, endpoints[0], s3.Options{Try: lookTime / 4})
	}
	if err != nil {
		f.Text = err.Error()
		return f
	}
	return finding{Name: f.Name, State: well, Text: "an object was written, read, found and removed"}
}

// lookNATS connects to one server as a node does.
func lookNATS(ctx context.Context, server string, c config.Cluster) finding {
	f := finding{Name: "NATS", State: warn, Text: "not an address", Fix: "cluster.nats and its files; until then nodes hear of each other's mail late"}
	u, err := url.Parse(server)
	if err != nil {
		return f
	}
	if err := nats.Try(ctx, natsOptions(c), server); err != nil {
		f.Text = u.Host + ": " + err.Error()
		return f
	}
	return finding{Name: "NATS", State: well, Text: u.Host + " takes hints, and tells them"}
}
