package mailauth_test

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sealpost/smtp/mailauth/spf"
)

// spfDifferences are the cases of the RFC 7208 suite that end differently, with
// what they end with and why that is left. A case that changes either way fails.
var spfDifferences = map[string]struct{ got, why string }{
	"p-macro-multiple": {"neutral", "the library gives p as unknown, which RFC 7208, section 7.3, allows and asks nobody to use"},
}

func TestSuiteRFC7208(t *testing.T) {
	t.Parallel()
	passed, all := 0, 0
	for _, doc := range readYAML(corpusFile(t, "rfc7208-suite/rfc7208-tests.yml")) {
		zone := readZone(doc.get("zonedata"))
		tests := doc.get("tests")
		for i, name := range tests.keys {
			all++
			if checkSPFCase(t, zone, name, tests.items[i]) {
				passed++
			}
		}
	}
	t.Logf("RFC 7208 suite: %d of %d", passed, all)
	if all != 203 || passed != all-len(spfDifferences) {
		t.Errorf("%d of %d pass, %d differences are known", passed, all, len(spfDifferences))
	}
}

func checkSPFCase(t *testing.T, zone spfZone, name string, c node) bool {
	t.Helper()
	from := c.get("mailfrom").scalar
	local, domain, _ := strings.Cut(from, "@")
	if domain == "" {
		local, domain = "", c.get("helo").scalar
	}
	ip := netip.MustParseAddr(c.get("host").scalar)
	got, reason := spf.Check(t.Context(), zone, ip, c.get("helo").scalar, local, domain)
	want := c.get("result").strings()
	if slices.Contains(want, got) {
		if _, known := spfDifferences[name]; known {
			t.Errorf("%s: known to differ, but does not", name)
		}
		return true
	}
	if d, known := spfDifferences[name]; !known || d.got != got {
		t.Errorf("%s: %s (%s), want %v", name, got, reason, want)
	}
	return false
}

// spfZone answers from the zonedata of a suite: records by type, by name.
type spfZone map[string]map[string][]string

func readZone(n node) spfZone {
	zone := spfZone{}
	for i, name := range n.keys {
		records := map[string][]string{}
		for _, r := range n.items[i].items {
			for j, kind := range r.keys {
				records[kind] = append(records[kind], value(kind, r.items[j]))
			}
		}
		// Type SPF is gone; the suite asks drivers to copy it (its preface).
		if _, own := records["TXT"]; !own && records["SPF"] != nil {
			records["TXT"] = records["SPF"]
		}
		zone[strings.ToLower(name)] = records
	}
	return zone
}

func value(kind string, n node) string {
	switch kind {
	case "MX":
		return n.strings()[1]
	default:
		return strings.Join(n.strings(), "")
	}
}

func (z spfZone) find(name, kind string) ([]string, error) {
	for range 8 {
		records := z[strings.ToLower(strings.TrimSuffix(name, "."))]
		found := slices.DeleteFunc(slices.Clone(records[kind]), func(s string) bool { return s == "NONE" })
		switch {
		case len(found) > 0:
			return found, nil
		case records["TIMEOUT"] != nil:
			return nil, &net.DNSError{Err: "time out", IsTimeout: true, IsTemporary: true}
		case records["CNAME"] == nil:
			return nil, &net.DNSError{Err: "nothing", IsNotFound: true}
		}
		name = records["CNAME"][0]
	}
	return nil, &net.DNSError{Err: "loop", IsTemporary: true}
}

func (z spfZone) LookupTXT(_ context.Context, name string) ([]string, error) {
	return z.find(name, "TXT")
}

func (z spfZone) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	hosts, err := z.find(name, "MX")
	var mxs []*net.MX
	for _, h := range hosts {
		mxs = append(mxs, &net.MX{Host: h})
	}
	return mxs, err
}

func (z spfZone) LookupIPAddr(_ context.Context, name string) ([]net.IPAddr, error) {
	four, err := z.find(name, "A")
	six, err6 := z.find(name, "AAAA")
	var all []net.IPAddr
	for _, s := range append(four, six...) {
		all = append(all, net.IPAddr{IP: net.ParseIP(s)})
	}
	if len(all) > 0 {
		return all, nil
	}
	if err == nil {
		err = err6
	}
	return nil, err
}

func (z spfZone) LookupAddr(_ context.Context, addr string) ([]string, error) {
	return z.find(reverseName(netip.MustParseAddr(addr)), "PTR")
}

// reverseName is where the names of an address stand (RFC 1035, section 3.5).
func reverseName(ip netip.Addr) string {
	var labels []string
	for _, b := range ip.AsSlice() {
		if ip.Is4() {
			labels = append(labels, netip.AddrFrom4([4]byte{b}).String()[:strings.IndexByte(netip.AddrFrom4([4]byte{b}).String(), '.')])
			continue
		}
		labels = append(labels, string("0123456789abcdef"[b>>4]), string("0123456789abcdef"[b&15]))
	}
	slices.Reverse(labels)
	if ip.Is4() {
		return strings.Join(labels, ".") + ".in-addr.arpa"
	}
	return strings.Join(labels, ".") + ".ip6.arpa"
}
