-- Who connects with TLS: these clients may verify the certificate and must trust the new authority.
SELECT a.usename,
       a.application_name,
       a.client_addr,
       s.version AS tls_version,
       count(*) AS connections
FROM pg_catalog.pg_stat_ssl s
JOIN pg_catalog.pg_stat_activity a ON a.pid = s.pid
WHERE s.ssl
GROUP BY a.usename, a.application_name, a.client_addr, s.version
ORDER BY connections DESC;
