package main

import (
	"strings"
	"testing"
)

// A key is given by hand, shown, replaced by another hand, and forgotten; nothing
// of the correspondent stands readable in the data folder.
func TestPeers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	s.serve(t)
	const peer = "canary-9d@elsewhere.example"
	_, first := s.keys(t, peer)
	if out := do(t, "", "peer", "list", "ann@demo.test", config); out.code != exitDone || !strings.Contains(out.err, "no keys of others yet") {
		t.Errorf("an empty list: %+v", out)
	}
	told := must(t, "peer", "pin", "ann@demo.test", peer, first, config)
	list := must(t, "peer", "list", "ann@demo.test", config)
	print := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(told), "Mail to "+peer+" is encrypted to "), ".")
	if !strings.Contains(list, peer) || !strings.Contains(list, print) || !strings.Contains(list, "manual") {
		t.Errorf("pinned %q, the list says:\n%s", print, list)
	}
	must(t, "peer", "accept", "ann@demo.test", peer, print, config)
	fails(t, exitFailed, []string{"no key of " + peer}, "peer", "accept", "ann@demo.test", peer, "AAAA", config)
	if nothingReadable(t, s.settings.Data, "canary-9d") == 0 {
		t.Error("there are no files to look at")
	}
	must(t, "peer", "forget", "ann@demo.test", peer, config)
	fails(t, exitFailed, []string{"has no key of"}, "peer", "forget", "ann@demo.test", peer, config)
}
