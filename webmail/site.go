package webmail

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// site is a host name of this server, taken apart.
type site struct {
	main   bool   // it is Door.Hostname or one of Door.Names
	sub    string // openpgpkey, mta-sts, autoconfig, autodiscover, or empty
	domain string // the mail domain it belongs to, U-labels; empty: of none
}

// subs are the names that a mail domain's host may have in front.
var subs = map[string]bool{"openpgpkey": true, "mta-sts": true, "autoconfig": true, "autodiscover": true}

// site looks a Host up. Nothing is taken for a default.
func (d *Door) site(host string) (site, bool) {
	name, ok := hostName(host)
	if !ok {
		return site{}, false
	}
	s := site{}
	if name == strings.ToLower(d.Hostname) || slices.Contains(d.Names, name) {
		s.main = true
	}
	if d.Local(name) {
		s.domain = name
	}
	if s.main || s.domain != "" {
		return s, true
	}
	sub, domain, _ := strings.Cut(name, ".")
	if subs[sub] && d.Local(domain) {
		return site{sub: sub, domain: domain}, true
	}
	return site{}, false
}

// Serves says whether requests for a host are answered, such as for who gets
// certificates. An address of a machine is no name.
func (d *Door) Serves(host string) bool {
	_, ok := d.site(host)
	return ok
}

// hostName is a Host field's name without port and final dot, in lower case and
// U-labels.
func hostName(host string) (string, bool) {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" || len(host) > 253 || net.ParseIP(host) != nil || strings.ContainsAny(host, "/\\@:%?# []") {
		return "", false
	}
	name, err := idna.Lookup.ToUnicode(host)
	return name, err == nil
}

// ascii is a domain as the wire has it.
func ascii(domain string) string {
	if a, err := idna.Lookup.ToASCII(domain); err == nil {
		return a
	}
	return domain
}

const (
	keysPlace    = "/.well-known/openpgpkey/"
	profilePlace = "/.well-known/sealpost/apple.mobileconfig"
	configPlace  = "/mail/config-v1.1.xml"
)

// everywhere stands on the server's own host and on those of its domains.
var everywhere = map[string]route{
	"/":                                     {"home", false, (*Door).home},
	"/setup":                                {"setup", false, (*Door).setup},
	profilePlace:                            {"apple profile", false, (*Door).appleProfile},
	"/.well-known/autoconfig" + configPlace: {"autoconfig", false, (*Door).autoconfig},
	configPlace:                             {"autoconfig", false, (*Door).autoconfig},
	"/autodiscover/autodiscover.xml":        {"autodiscover", true, (*Door).autodiscover},
	"/autodiscover/autodiscover.json":       {"autodiscover", false, (*Door).autodiscoverJSON},
}

// bySub is what stands on a domain's special hosts, beside keys.
var bySub = map[string]map[string]route{
	"mta-sts": {"/.well-known/mta-sts.txt": {"mta-sts", false, (*Door).sts}},
	"autoconfig": {
		configPlace:                             everywhere[configPlace],
		"/.well-known/autoconfig" + configPlace: everywhere[configPlace],
	},
	"autodiscover": {
		"/autodiscover/autodiscover.xml":  everywhere["/autodiscover/autodiscover.xml"],
		"/autodiscover/autodiscover.json": everywhere["/autodiscover/autodiscover.json"],
	},
}

// route finds what stands at a path of a site: on hosts of the webmail its files
// come first.
func (d *Door) route(s site, path string) (route, bool) {
	if s.main && d.App != nil && d.App.Has(path) {
		return route{"webmail", false, (*Door).app}, true
	}
	if s.main && d.Spec != nil && path == docsPlace {
		return route{"api docs", false, (*Door).docs}, true
	}
	return s.route(path)
}

func (d *Door) app(w http.ResponseWriter, r *http.Request, _ site) { d.App.ServeHTTP(w, r) }

// home sends who typed a mail domain's name to where the webmail is.
func (d *Door) home(w http.ResponseWriter, r *http.Request, s site) {
	if s.main || d.App == nil {
		d.setup(w, r, s)
		return
	}
	host := ascii(strings.ToLower(d.Hostname))
	if _, port, err := net.SplitHostPort(r.Host); err == nil && port != "443" {
		host = net.JoinHostPort(host, port)
	}
	w.Header().Set("Location", "https://"+host+"/")
	writeText(w, http.StatusTemporaryRedirect, "the webmail has a host of its own\n")
}

// route finds what stands at a path of a site beside the webmail.
func (s site) route(path string) (route, bool) {
	if rest, ok := strings.CutPrefix(path, keysPlace); ok {
		return s.keyRoute(rest)
	}
	if lower := strings.ToLower(path); strings.HasPrefix(lower, "/autodiscover/") { // Outlook writes it as it likes
		path = lower
		if strings.HasPrefix(path, "/autodiscover/autodiscover.json/") {
			path = "/autodiscover/autodiscover.json"
		}
	}
	table := everywhere
	if s.sub != "" {
		table = bySub[s.sub]
	}
	found, ok := table[path]
	return found, ok
}
