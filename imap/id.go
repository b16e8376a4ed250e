package imap

// version is what IMAP clients are told of us.
const version = "1"

// id is ID (RFC 2971). What the client says of itself is not kept.
func (s *session) id(*request) error {
	s.wire.Str(`* ID ("name" "sealpost" "version" "` + version + `")` + "\r\n")
	return nil
}
