package imap

// Connections is how many there are now, signed in or not.
func (s *Server) Connections() int {
	s.census.mu.Lock()
	defer s.census.mu.Unlock()
	return s.census.all
}
