import { Link } from '@tanstack/react-router'
import { Logo } from '../parts/logo.tsx'
import classes from './navigation.module.css'
import { usePerson } from './session.ts'

const adminPages = [
  { to: '/admin/runtimes', label: 'Runtimes' },
  { to: '/admin/providers', label: 'Git hosts' },
  { to: '/admin/git-authentication', label: 'Git Authentication' },
  { to: '/admin/people', label: 'People' },
  { to: '/admin/activity', label: 'Activity' },
] as const

/** Where one can go: everybody to their tokens, administrators to the rest. */
export function Navigation() {
  const { role } = usePerson()
  return (
    <>
      <Link to="/tokens" className={classes.logo} aria-label="Countersign, first page">
        <Logo />
      </Link>
      <nav className={classes.nav} aria-label="Pages">
        <ul className={classes.list}>
          <li>
            <Link to="/tokens" className={classes.link}>
              Tokens
            </Link>
          </li>
          {role === 'admin' &&
            adminPages.map(({ to, label }) => (
              <li key={to}>
                <Link to={to} className={classes.link}>
                  {label}
                </Link>
              </li>
            ))}
        </ul>
      </nav>
    </>
  )
}
