"""The GraphQL edge of the pretend Flash: what is asked, who may ask it, and how the answers look."""
