package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// relayMain is Debian's default, but for places, ports and a log file of its own,
// and for these: TLS with the certificate of the run, and a table instead of the
// DNS, which saves Postfix all look-ups. No chroot, as in postfixMain.
const relayMain = `
compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
maillog_file = %[1]s/postfix.log
maillog_file_prefixes = %[1]s
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
myhostname = mx.bench.test
mydestination =
alias_maps =
alias_database =
biff = no
append_dot_mydomain = no
smtpd_relay_restrictions = permit_mynetworks reject_unauth_destination
smtpd_tls_cert_file = %[2]s
smtpd_tls_key_file = %[3]s
smtpd_tls_security_level = may
smtp_tls_security_level = may
smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache
transport_maps = texthash:%[1]s/transport
`

// relayMilter has every mail signed, or refused for now if it cannot be. They talk
// over a socket of the file system: over TCP each mail would wait 40 ms for an
// acknowledgement.
const relayMilter = `
smtpd_milters = unix:%[1]s
milter_default_action = tempfail
`

// signerConfig is Debian's default for signing. It signs with RSA alone: its
// Ed25519 waits for a release.
const signerConfig = `
Syslog no
Mode s
Canonicalization relaxed/simple
OversignHeaders From
Domain bench.test
Selector %[1]s
KeyFile %[2]s
RequireSafeKeys no
InternalHosts 127.0.0.0/8
UMask 000
Socket local:%[3]s
`

// configureRelay writes all files of a Postfix that sends, and of its signer, and
// returns the folder. far is the port of the servers elsewhere.
func (s *site) configureRelay(name, listen string, far int, sign bool) (string, error) {
	home := filepath.Join(s.dir, name)
	socket := filepath.Join(home, "signer")
	main := fmt.Sprintf(relayMain, home, s.cert, s.key)
	if sign {
		main += fmt.Sprintf(relayMilter, socket)
	}
	var table strings.Builder
	for i := range farDomains {
		for _, private := range []bool{false, true} {
			fmt.Fprintf(&table, "%s smtp:[%s]:%d\n", farDomain(i, private), farAddress(i, private), far)
		}
	}
	_, errTable := s.write(table.String(), name, "transport")
	_, errMain := s.write(main, name, "config/main.cf")
	_, errMaster := s.write(fmt.Sprintf(postfixMaster, listen, " -o smtpd_tls_wrappermode=yes"), name, "config/master.cf")
	_, errSigner := s.write(fmt.Sprintf(signerConfig, selectorRSA, s.signingKey(selectorRSA), socket), name, "opendkim.conf")
	_, errQueue := s.folder(name, "queue")
	return home, errors.Join(errTable, errMain, errMaster, errSigner, errQueue)
}
