package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
)

// binaryHeader is a header of version 2, its length filled in.
func binaryHeader(command, family byte, parts ...string) string {
	block := strings.Join(parts, "")
	return signature + string([]byte{command, family}) + string(binary.BigEndian.AppendUint16(nil, uint16(len(block)))) + block
}

func field(kind byte, value string) string {
	return string([]byte{kind}) + string(binary.BigEndian.AppendUint16(nil, uint16(len(value)))) + value
}

// summed puts the checksum into a header that has a field for it, all zero.
func summed(header string) string {
	sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum([]byte(header), crc32.MakeTable(crc32.Castagnoli)))
	return strings.Replace(header, field(3, "\x00\x00\x00\x00"), field(3, string(sum)), 1)
}

const (
	four = "\xc0\x00\x02\x07" + "\xcb\x00\x71\x09" + "\x30\x39" + "\x00\x19" // 192.0.2.7:12345 to 203.0.113.9:25
	none = "\x00\x00\x00\x00"
)

var six = strings.Repeat("\x20\x01\x0d\xb8", 4) + strings.Repeat("\x20\x01\x0d\xb8", 4) + "\x30\x39\x00\x19"

func mapped(ip string) string {
	a := netip.MustParseAddr("::ffff:" + ip).As16()
	return string(a[:])
}

func TestRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ header, want string }{
		"one, 4":              {"PROXY TCP4 192.0.2.7 203.0.113.9 12345 25\r\n", "192.0.2.7:12345"},
		"one, 6":              {"PROXY TCP6 2001:db8::7 2001:db8::9 1 65535\r\n", "[2001:db8::7]:1"},
		"one, 4 in 6":         {"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:203.0.113.9 1 25\r\n", "192.0.2.7:1"},
		"one, the longest":    {"PROXY UNKNOWN " + strings.Repeat("f", maxLine-16) + "\r\n", ""},
		"one, unknown":        {"PROXY UNKNOWN\r\n", ""},
		"one, unknown, words": {"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", ""},
		"two, 4":              {binaryHeader(0x21, 0x11, four), "192.0.2.7:12345"},
		"two, 6":              {binaryHeader(0x21, 0x21, six), "[2001:db8:2001:db8:2001:db8:2001:db8]:12345"},
		"two, 4 in 6":         {binaryHeader(0x21, 0x21, mapped("192.0.2.7"), mapped("203.0.113.9"), "\x00\x01\x00\x19"), "192.0.2.7:1"},
		"two, local":          {binaryHeader(0x20, 0x00), ""},
		"two, local, 4":       {binaryHeader(0x20, 0x11, four), ""}, // a probe: not to be believed
		"two, local, rubbish": {binaryHeader(0x20, 0xff, "rubbish"), ""},
		"two, our own":        {string(Local()), ""},
		"two, unspec":         {binaryHeader(0x21, 0x00), ""},
		"two, unspec, fields": {binaryHeader(0x21, 0x00, field(0xea, "x")), ""},
		"two, fields":         {binaryHeader(0x21, 0x11, four, field(4, ""), field(0xea, "vpce-1"), field(2, "mail.example.org")), "192.0.2.7:12345"},
		"two, much":           {binaryHeader(0x21, 0x11, four, field(4, strings.Repeat("\x00", maxBlock-len(four)-3))), "192.0.2.7:12345"},
		"two, sum":            {summed(binaryHeader(0x21, 0x11, four, field(5, "id"), field(3, none), field(2, "a"))), "192.0.2.7:12345"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const after = "\x16\x03\x01 and so on"
			for _, slow := range []bool{false, true} {
				in := strings.NewReader(tt.header + after)
				var r io.Reader = in
				if slow {
					r = iotest.OneByteReader(r)
				}
				got, err := Read(r)
				if err != nil || got.IsValid() != (tt.want != "") || got.IsValid() && got.String() != tt.want {
					t.Fatalf("got %v, %v; want %q", got, err, tt.want)
				}
				if rest, _ := io.ReadAll(in); string(rest) != after {
					t.Errorf("left %q of what follows", rest)
				}
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]string{
		"another protocol":        "EHLO sender.example\r\n",
		"TLS":                     "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and more",
		"small letters":           "proxy TCP4 192.0.2.7 203.0.113.9 1 25\r\n",
		"no end":                  "PROXY TCP4 " + strings.Repeat("1", 4000),
		"one too long":            "PROXY UNKNOWN " + strings.Repeat("f", maxLine-15) + "\r\n",
		"line feed alone":         "PROXY TCP4 192.0.2.7 203.0.113.9 1 25\n" + strings.Repeat("x", 200),
		"two spaces":              "PROXY TCP4  192.0.2.7 203.0.113.9 1 25\r\n",
		"a tab":                   "PROXY TCP4\t192.0.2.7 203.0.113.9 1 25\r\n",
		"a field too few":         "PROXY TCP4 192.0.2.7 203.0.113.9 1\r\n",
		"a field too many":        "PROXY TCP4 192.0.2.7 203.0.113.9 1 25 1\r\n",
		"trailing space":          "PROXY TCP4 192.0.2.7 203.0.113.9 1 25 \r\n",
		"UDP":                     "PROXY UDP4 192.0.2.7 203.0.113.9 1 25\r\n",
		"unknown with a tail":     "PROXY UNKNOWNS\r\n",
		"6 as 4":                  "PROXY TCP4 2001:db8::7 2001:db8::9 1 25\r\n",
		"4 as 6":                  "PROXY TCP6 192.0.2.7 203.0.113.9 1 25\r\n",
		"leading zeros":           "PROXY TCP4 192.0.2.007 203.0.113.9 1 25\r\n",
		"a zone":                  "PROXY TCP6 fe80::1%eth0 fe80::2 1 25\r\n",
		"a name":                  "PROXY TCP4 localhost 203.0.113.9 1 25\r\n",
		"nobody":                  "PROXY TCP4 0.0.0.0 203.0.113.9 1 25\r\n",
		"everybody":               "PROXY TCP6 ff02::1 2001:db8::9 1 25\r\n",
		"a port too large":        "PROXY TCP4 192.0.2.7 203.0.113.9 65536 25\r\n",
		"a port with a sign":      "PROXY TCP4 192.0.2.7 203.0.113.9 +1 25\r\n",
		"a port with zeros":       "PROXY TCP4 192.0.2.7 203.0.113.9 1 0025\r\n",
		"no port":                 "PROXY TCP4 192.0.2.7 203.0.113.9  25\r\n",
		"two: version 3":          binaryHeader(0x31, 0x11, four),
		"two: command 2":          binaryHeader(0x22, 0x11, four),
		"two: datagrams":          binaryHeader(0x21, 0x12, four),
		"two: a socket of UNIX":   binaryHeader(0x21, 0x31, strings.Repeat("/", 216)),
		"two: family 4":           binaryHeader(0x21, 0x41, four),
		"two: addresses cut":      binaryHeader(0x21, 0x11, four[:11]),
		"two: 4 as 6":             binaryHeader(0x21, 0x21, four),
		"two: nobody":             binaryHeader(0x21, 0x11, none, four[4:]),
		"two: nobody, mapped":     binaryHeader(0x21, 0x21, mapped("0.0.0.0"), mapped("203.0.113.9"), "\x00\x01\x00\x19"),
		"two: too long":           binaryHeader(0x21, 0x11, four, field(4, strings.Repeat("\x00", maxBlock-len(four)-2))),
		"two: as long as can be":  binaryHeader(0x21, 0x11, four, strings.Repeat("\x00", 65535-12)),
		"two: local, too long":    binaryHeader(0x20, 0x00, strings.Repeat("\x00", maxBlock+1)),
		"two: a field cut":        binaryHeader(0x21, 0x11, four, "\x04\x00"),
		"two: a field too long":   binaryHeader(0x21, 0x11, four, "\x04\x00\x02x"),
		"two: sum wrong":          binaryHeader(0x21, 0x11, four, field(3, "\x01\x02\x03\x04")),
		"two: sum zero":           binaryHeader(0x21, 0x11, four, field(3, none)),
		"two: sum short":          binaryHeader(0x21, 0x11, four, field(3, "\x01\x02\x03")),
		"two: sums":               summed(binaryHeader(0x21, 0x11, four, field(3, none), field(3, none))),
		"two: sum of another":     strings.Replace(summed(binaryHeader(0x21, 0x11, four, field(3, none))), "\xc0\x00\x02\x07", "\xc0\x00\x02\x08", 1),
		"two: sum, unspec, wrong": binaryHeader(0x21, 0x00, field(3, "\x01\x02\x03\x04")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := Read(strings.NewReader(header)); !errors.Is(err, errMalformed) || got.IsValid() && err == nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// A header that is cut off anywhere is none.
func TestReadCut(t *testing.T) {
	t.Parallel()
	for _, whole := range []string{
		"PROXY TCP4 192.0.2.7 203.0.113.9 12345 25\r\n", "PROXY UNKNOWN\r\n",
		summed(binaryHeader(0x21, 0x11, four, field(3, none))), string(Local()) + "",
	} {
		for n := range len(whole) {
			want := io.ErrUnexpectedEOF
			if n == 0 {
				want = io.EOF
			}
			if got, err := Read(strings.NewReader(whole[:n])); !errors.Is(err, want) || got.IsValid() {
				t.Errorf("%q: %v, %v", whole[:n], got, err)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"PROXY TCP4 192.0.2.7 203.0.113.9 12345 25\r\nEHLO a\r\n", "PROXY TCP6 2001:db8::7 2001:db8::9 1 2\r\n", "PROXY UNKNOWN x\r\n",
		binaryHeader(0x21, 0x11, four), binaryHeader(0x21, 0x21, six, field(4, "x")), string(Local()),
		summed(binaryHeader(0x21, 0x11, four, field(5, "id"), field(3, none))),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		got, err := Read(r)
		used := in[:len(in)-r.Len()]
		if len(used) > fixed+maxBlock {
			t.Fatalf("read %d octets", len(used))
		}
		if err != nil {
			if got.IsValid() && !errors.Is(err, errMalformed) {
				t.Fatalf("both %v and %v", got, err)
			}
			return
		}
		if got.IsValid() && (got.Addr().Is4In6() || got.Addr().Zone() != "" || got.Addr().IsUnspecified() || got.Addr().IsMulticast()) {
			t.Fatalf("%v", got)
		}
		if again, err := Read(bytes.NewReader(used)); err != nil || again != got { // what follows changes nothing
			t.Fatalf("%v, then %v, %v", got, again, err)
		}
	})
}
