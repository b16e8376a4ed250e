package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/idna"
)

// expected is what is wrong with a value: what should have stood there.
func expected(what string, got any) error {
	return fmt.Errorf("expected %s, got %s", what, literal(got))
}

// literal shows a TOML value, shortened.
func literal(v any) string {
	switch v := v.(type) {
	case string:
		if len(v) > 60 {
			v = v[:60] + "…"
		}
		return strconv.Quote(v)
	case []any:
		return "a list"
	case map[string]any, []map[string]any:
		return "a table"
	case time.Time:
		return "a date"
	default:
		return fmt.Sprint(v)
	}
}

// check says what a string should have been, or nothing when it is well.
type check func(string) (should string)

// word is a string.
type word struct {
	at      func(*Config) *string
	check   check
	example string // shown when there is no default
}

func (w word) read(c *Config, from any) error {
	s, ok := from.(string)
	if !ok {
		return expected("a string in quotes", from)
	}
	if should := w.check(s); should != "" {
		return expected(should, s)
	}
	*w.at(c) = s
	return nil
}

func (w word) write(c *Config) string {
	if w.example != "" {
		return w.example
	}
	return strconv.Quote(*w.at(c))
}

// name is a word that is the name of a host. It is kept as the DNS has it, in lower
// case and A-labels (RFC 5890), so that who compares it later need not know of others.
type name struct{ word }

func (n name) read(c *Config, from any) error {
	if err := n.word.read(c, from); err != nil {
		return err
	}
	at := n.at(c)
	if *at = strings.ToLower(*at); strings.IndexFunc(*at, func(r rune) bool { return r > '~' }) < 0 {
		return nil
	}
	a, err := idna.Lookup.ToASCII(*at)
	if err != nil {
		return expected(shouldBeName, from)
	}
	*at = a
	return nil
}

// unquoted is a word that errors do not repeat: it may hold a password that does not belong there.
type unquoted struct{ word }

func (u unquoted) read(c *Config, from any) error {
	s, ok := from.(string)
	if should := u.check(s); !ok || should != "" {
		return errors.New("expected " + cmp.Or(should, "a string in quotes"))
	}
	*u.at(c) = s
	return nil
}

func path(at func(*Config) *string) word {
	return word{at: at, check: func(s string) string {
		if strings.ContainsRune(s, 0) {
			return "a path"
		}
		return ""
	}}
}

// words is a list of strings.
type words struct {
	at      func(*Config) *[]string
	check   check
	least   int
	example string
}

func (w words) read(c *Config, from any) error {
	list, ok := from.([]any)
	if !ok {
		return expected(`a list of strings, ["…", "…"]`, from)
	}
	if len(list) < w.least {
		return fmt.Errorf("expected at least %d entry in the list", w.least)
	}
	all := []string{}
	for _, v := range list {
		one := word{at: func(*Config) *string { return new(string) }, check: w.check}
		if err := one.read(c, v); err != nil {
			return err
		}
		all = append(all, v.(string))
	}
	*w.at(c) = all
	return nil
}

func (w words) write(c *Config) string {
	if w.example != "" {
		return w.example
	}
	quoted := []string{}
	for _, s := range *w.at(c) {
		quoted = append(quoted, strconv.Quote(s))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// count is a whole number within a range.
type count struct {
	at          func(*Config) *int
	least, most int
}

func (n count) read(c *Config, from any) error {
	v, ok := from.(int64)
	if !ok || v < int64(n.least) || v > int64(n.most) {
		return expected(fmt.Sprintf("a whole number from %d to %d", n.least, n.most), from)
	}
	*n.at(c) = int(v)
	return nil
}

func (n count) write(c *Config) string { return strconv.Itoa(*n.at(c)) }

// size is a number of bytes.
type size struct {
	at          func(*Config) *int64
	least, most int64
}

func (s size) read(c *Config, from any) error {
	v, ok := from.(int64)
	if text, isText := from.(string); isText {
		var err error
		v, err = ParseSize(text)
		ok = err == nil
	}
	if !ok || v < s.least || v > s.most {
		return expected(fmt.Sprintf(`a size from "%s" to "%s"`, FormatSize(s.least), FormatSize(s.most)), from)
	}
	*s.at(c) = v
	return nil
}

func (s size) write(c *Config) string { return strconv.Quote(FormatSize(*s.at(c))) }

// span is a length of time.
type span struct {
	at          func(*Config) *time.Duration
	least, most time.Duration
}

func (s span) read(c *Config, from any) error {
	text, ok := from.(string)
	v, err := time.ParseDuration(text)
	if !ok || err != nil || v < s.least || v > s.most {
		return expected(fmt.Sprintf(`a time from "%s" to "%s"`, short(s.least), short(s.most)), from)
	}
	*s.at(c) = v
	return nil
}

func (s span) write(c *Config) string { return strconv.Quote(short(*s.at(c))) }

// short writes a duration without its empty units: 5m, not 5m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

var units = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}, {"", 1},
}

// ParseSize reads a number of bytes: 1024, 50MiB, 1.5GB.
func ParseSize(s string) (int64, error) {
	bare := strings.TrimSpace(s)
	for _, u := range units {
		if len(bare) < len(u.name) || !strings.EqualFold(bare[len(bare)-len(u.name):], u.name) {
			continue
		}
		number := strings.TrimSpace(bare[:len(bare)-len(u.name)])
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || n < 0 || strings.Trim(number, "0123456789.") != "" || n*float64(u.bytes) >= math.MaxInt64 {
			break
		}
		return int64(math.Round(n * float64(u.bytes))), nil
	}
	return 0, fmt.Errorf("expected a size such as 1024, 50MiB or 2GB, got %q", s)
}

// FormatSize writes a number of bytes exactly, in the unit that makes it shortest.
func FormatSize(n int64) string {
	if n == 0 {
		return "0"
	}
	best := strconv.FormatInt(n, 10) + "B"
	for _, u := range units {
		if s := strconv.FormatInt(n/u.bytes, 10) + u.name; n%u.bytes == 0 && u.name != "" && len(s) < len(best) {
			best = s
		}
	}
	return best
}

const shouldBeName = "a domain name such as mail.example.org"

func hostname(s string) string {
	if len(s) == 0 || len(s) > 253 || strings.ContainsAny(s, " \t\r\n/:@_\x00") || net.ParseIP(s) != nil {
		return shouldBeName
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return shouldBeName
		}
	}
	return ""
}

func zone(s string) string {
	if _, err := time.LoadLocation(s); err != nil || s == "" {
		return `a time zone that this machine knows, such as "UTC" or "Europe/Helsinki"`
	}
	return ""
}

func address(s string) string {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s {
		return "an address such as alice@example.org"
	}
	return ""
}

func emptyOr(c check) check {
	return func(s string) string {
		if s == "" {
			return ""
		}
		return c(s)
	}
}

func listen(s string) string {
	const should = `an address to listen on such as ":25", "192.0.2.1:25" or "[::1]:25"`
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return should
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return should
	}
	if host != "" && host != "localhost" && net.ParseIP(strings.SplitN(host, "%", 2)[0]) == nil {
		return should
	}
	return ""
}

// network is a range of addresses, but never all of them: what is to be believed from there
// would be believed of anybody.
func network(s string) string {
	if p, err := netip.ParsePrefix(s); err != nil || p.Masked() != p || p.Bits() == 0 || p.Addr().Is4In6() {
		return `a network of some addresses such as "10.0.0.0/24", "192.0.2.7/32" or "fd00::/64"`
	}
	return ""
}

func endpoint(s string) string {
	at, err := netip.ParseAddrPort(s)
	if err != nil || at.Port() == 0 || at.String() != s {
		return `an address and a port such as "10.0.0.5:993" or "[fd00::5]:993"`
	}
	return ""
}

func oneOf(names ...string) check {
	return func(s string) string {
		if slices.Contains(names, s) {
			return ""
		}
		return "one of " + strings.Join(names, ", ")
	}
}

// yes is true or false.
type yes func(*Config) *bool

func (y yes) read(c *Config, from any) error {
	v, ok := from.(bool)
	if !ok {
		return expected("true or false", from)
	}
	*y(c) = v
	return nil
}

func (y yes) write(c *Config) string { return strconv.FormatBool(*y(c)) }

func anything(s string) string {
	if strings.ContainsAny(s, "\r\n\x00") {
		return "one line of text"
	}
	return ""
}

func hostPort(s string) string {
	host, port, err := net.SplitHostPort(s)
	n, bad := strconv.Atoi(port)
	if err != nil || host == "" || bad != nil || n < 1 || n > 65535 {
		return `a host and a port such as "smtp.example.net:465"`
	}
	return ""
}

func secureURL(s string) string {
	if u, err := url.Parse(s); err != nil || u.Scheme != "https" || u.Host == "" {
		return "an address that starts with https://"
	}
	return ""
}

func anyURL(s string) string {
	if u, err := url.Parse(s); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return "an address that starts with http:// or https://"
	}
	return ""
}

func milter(s string) string {
	if p, ok := strings.CutPrefix(s, "unix:"); ok && strings.HasPrefix(p, "/") {
		return ""
	}
	if p, ok := strings.CutPrefix(s, "inet:"); ok && hostPort(p) == "" {
		return ""
	}
	return `"unix:/path" or "inet:host:port"`
}
