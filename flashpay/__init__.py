"""FlashPay: take and pay out Lightning money through a Flash wallet."""
