-- roles.sql : rôles de l'application et de PgBouncer. Patroni l'exécute une fois, à la création de la base
-- (patroni-roles) ; on peut le rejouer sans dommage. Ce fichier contient des mots de passe : root l'écrit, seul
-- le groupe postgres le lit.

-- S'arrêter à la première erreur : Patroni annule alors la création et recommence.
\set ON_ERROR_STOP on
-- Messages courts : une erreur ne recopie pas l'ordre fautif, qui contient un mot de passe.
\set VERBOSITY terse
-- Ne rien afficher d'autre que les erreurs.
\set QUIET on

-- Les ordres qui suivent portent des mots de passe : aucun n'est écrit dans le journal du serveur…
SET log_statement = 'none';
-- … ni comme ordre lent…
SET log_min_duration_statement = -1;
-- … ni comme ordre en erreur.
SET log_min_error_statement = 'panic';
-- Mots de passe gardés en scram-sha-256.
SET password_encryption = 'scram-sha-256';
-- Ces ordres n'attendent pas de réplica synchrone : il n'y en a pas encore.
SET synchronous_commit = 'local';

-- Le compte de l'application ne peut pas être un compte de service : il serait privé de ses droits.
SELECT {{env.POSTGRES_USER}} IN ('postgres', 'replicator', 'rewind', 'pgbouncer') AS compte_reserve \gset
\if :compte_reserve
\warn 'POSTGRES_USER est un compte de service : aucun compte d''application n''est créé'
\else
-- Compte de l'application : créé s'il manque…
SELECT format('CREATE ROLE %I', {{env.POSTGRES_USER}})
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {{env.POSTGRES_USER}}) \gexec
-- … et mis à l'état voulu : aucun privilège d'administration.
SELECT format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD %L',
              {{env.POSTGRES_USER}}, {{env.POSTGRES_PASSWORD}}) \gexec
\endif

-- Base de l'application, qui lui appartient.
SELECT format('CREATE DATABASE %I OWNER %I', {{env.POSTGRES_DB}}, {{env.POSTGRES_USER}})
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {{env.POSTGRES_DB}}) \gexec

-- Compte par lequel PgBouncer lit les mots de passe hachés : créé s'il manque…
SELECT 'CREATE ROLE pgbouncer' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pgbouncer') \gexec
-- … et mis à l'état voulu.
ALTER ROLE pgbouncer LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {{env.PGBOUNCER_PASSWORD}};

-- Schéma de la fonction ci-dessous, dans la base postgres.
CREATE SCHEMA IF NOT EXISTS pgbouncer;
-- Personne d'autre n'y entre…
REVOKE ALL ON SCHEMA pgbouncer FROM PUBLIC;
-- … que le compte de PgBouncer.
GRANT USAGE ON SCHEMA pgbouncer TO pgbouncer;

-- Mot de passe haché d'un compte. SECURITY DEFINER : la fonction lit pg_authid avec les droits de son
-- propriétaire (postgres), le compte pgbouncer n'a pas à les avoir. Les superutilisateurs, les comptes de
-- réplication, les comptes qui ne se connectent pas et ceux dont la validité est passée n'y figurent pas :
-- PgBouncer ne peut donc ouvrir aucune session à leur nom.
CREATE OR REPLACE FUNCTION pgbouncer.get_auth(p_nom text)
RETURNS TABLE (uname text, phash text)
LANGUAGE sql STABLE SECURITY DEFINER
-- Chemin de recherche fixé : personne ne peut glisser sa propre table à la place de pg_authid.
SET search_path = pg_catalog, pg_temp
AS $fonction$
	SELECT rolname::text, rolpassword
	  FROM pg_catalog.pg_authid
	 WHERE rolname = p_nom
	   AND rolcanlogin
	   AND NOT rolsuper
	   AND NOT rolreplication
	   AND rolname NOT IN ('rewind', 'pgbouncer')
	   AND (rolvaliduntil IS NULL OR rolvaliduntil > now())
$fonction$;
-- Par défaut toute fonction est ouverte à tous : refermer…
REVOKE ALL ON FUNCTION pgbouncer.get_auth(text) FROM PUBLIC;
-- … et n'ouvrir qu'au compte de PgBouncer.
GRANT EXECUTE ON FUNCTION pgbouncer.get_auth(text) TO pgbouncer;
