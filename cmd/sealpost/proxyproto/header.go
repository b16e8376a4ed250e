package proxyproto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// The specification is HAProxy's doc/proxy-protocol.txt; sections are its own.
const (
	maxLine  = 107     // octets of version 1 with its CRLF, section 2.1
	maxBlock = 4 << 10 // octets that may follow the fixed part of version 2: addresses and what a balancer adds to them
	fixed    = 16      // octets of the fixed part, section 2.2
)

const (
	signature = "\r\n\r\n\x00\r\nQUIT\n"
	word      = "PROXY "
)

// errMalformed is what is no header, or one that says nothing we could believe.
var errMalformed = errors.New("no header of the PROXY protocol")

var errAddress = malformed("an address that is none")

func malformed(why string) error { return fmt.Errorf("%w: %s", errMalformed, why) }

// Local is the header of a connection that whoever sends it makes for itself (section
// 2.2, LOCAL): a knock at a door that wants one.
func Local() []byte { return append([]byte(signature), 0x20, 0, 0, 0) }

// Read reads one header of version 1 or 2, and not an octet more: what follows is TLS,
// and whoever waits for it may wait at the socket. It returns who connected; the zero
// AddrPort when the header names nobody (LOCAL, UNKNOWN, UNSPEC), so that the
// connection counts as its sender's own. Every error ends the connection. It is io.EOF
// alone when nothing came.
func Read(r io.Reader) (netip.AddrPort, error) {
	head := make([]byte, fixed, 128)
	start := head[:len(signature)] // the shortest line is longer
	if _, err := io.ReadFull(r, start); err != nil {
		return netip.AddrPort{}, err
	}
	if string(start) == signature {
		return readBinary(r, head)
	}
	if !strings.HasPrefix(string(start), word) {
		return netip.AddrPort{}, malformed("neither version")
	}
	line := start
	for !strings.HasSuffix(string(line), "\r\n") {
		if len(line) == maxLine {
			return netip.AddrPort{}, malformed("a line without an end")
		}
		line = append(line, 0)
		if _, err := io.ReadFull(r, line[len(line)-1:]); err != nil {
			return netip.AddrPort{}, cut(err)
		}
	}
	return parseLine(string(line[len(word) : len(line)-2]))
}

// cut is an end within a header.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parseLine reads version 1 after its first word (section 2.1).
func parseLine(s string) (netip.AddrPort, error) {
	if s == "UNKNOWN" || strings.HasPrefix(s, "UNKNOWN ") { // whatever follows is to be ignored
		return netip.AddrPort{}, nil
	}
	part := strings.Split(s, " ")
	if len(part) != 5 {
		return netip.AddrPort{}, malformed("fields are missing, or too many")
	}
	four := part[0] == "TCP4"
	if !four && part[0] != "TCP6" {
		return netip.AddrPort{}, malformed("another protocol than TCP")
	}
	from, err1 := endpoint(four, part[1], part[3])
	_, err2 := endpoint(four, part[2], part[4])
	return from, errors.Join(err1, err2)
}

func endpoint(four bool, address, port string) (netip.AddrPort, error) {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Is4() != four || ip.Zone() != "" || !somebodys(ip) {
		return netip.AddrPort{}, errAddress
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != port {
		return netip.AddrPort{}, malformed("a port that is none")
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)), nil
}

// somebodys says whether a connection can come from an address, or go to one.
func somebodys(ip netip.Addr) bool {
	ip = ip.Unmap()
	return !ip.IsUnspecified() && !ip.IsMulticast()
}

// Bits of the fixed part, section 2.2.
const (
	cmdLocal, cmdProxy = 0x20, 0x21
	unspec, tcp4, tcp6 = 0x00, 0x11, 0x21
)

// readBinary reads version 2 after its signature, which is in head (section 2.2).
func readBinary(r io.Reader, head []byte) (netip.AddrPort, error) {
	if _, err := io.ReadFull(r, head[len(signature):]); err != nil {
		return netip.AddrPort{}, cut(err)
	}
	command, family, length := head[12], head[13], binary.BigEndian.Uint16(head[14:])
	if command != cmdLocal && command != cmdProxy {
		return netip.AddrPort{}, malformed("another version or command")
	}
	if length > maxBlock {
		return netip.AddrPort{}, malformed("it is too long")
	}
	all := append(head, make([]byte, length)...)
	if _, err := io.ReadFull(r, all[fixed:]); err != nil {
		return netip.AddrPort{}, cut(err)
	}
	if command == cmdLocal { // family and all that follows are to be ignored
		return netip.AddrPort{}, nil
	}
	size := 0 // of one address
	switch family {
	case unspec:
	case tcp4:
		size = 4
	case tcp6:
		size = 16
	default: // datagrams, sockets of UNIX: nobody comes to these doors by them
		return netip.AddrPort{}, malformed("another protocol than TCP")
	}
	block := all[fixed:]
	addresses := 2 * (size + 2)
	if size == 0 {
		addresses = 0
	}
	if len(block) < addresses {
		return netip.AddrPort{}, malformed("its addresses are cut off")
	}
	if err := checkFields(all, fixed+addresses); err != nil || size == 0 {
		return netip.AddrPort{}, err
	}
	ip, _ := netip.AddrFromSlice(block[:size])
	if !somebodys(ip) {
		return netip.AddrPort{}, errAddress
	}
	return netip.AddrPortFrom(ip.Unmap(), binary.BigEndian.Uint16(block[2*size:])), nil
}

const typeCRC32C = 0x03

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkFields walks the fields (TLVs) that stand in a header from an octet on. None of them
// is believed but the checksum, which holds for the header with its own octets zero
// (section 2.2.3). It may change header.
func checkFields(header []byte, at int) error {
	var sum []byte
	for at < len(header) {
		if len(header)-at < 3 {
			return malformed("a field is cut off")
		}
		length := int(binary.BigEndian.Uint16(header[at+1:]))
		if length > len(header)-at-3 {
			return malformed("a field is cut off")
		}
		value := header[at+3 : at+3+length]
		if header[at] == typeCRC32C {
			if length != crc32.Size || sum != nil {
				return malformed("a checksum of another form")
			}
			sum = value
		}
		at += 3 + length
	}
	if sum == nil {
		return nil
	}
	want := binary.BigEndian.Uint32(sum)
	clear(sum)
	if crc32.Checksum(header, castagnoli) != want {
		return malformed("its checksum is wrong")
	}
	return nil
}
