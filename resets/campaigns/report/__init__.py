"""What has come of a campaign, device by device, as a file. No password is in it."""
