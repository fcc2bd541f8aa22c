"""Take jobs in: pictures, spreadsheets, quotas, drafts."""
