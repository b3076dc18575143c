import assert from 'node:assert/strict'
import { test } from 'node:test'
import { repositoryNamed } from './clone-path.ts'

test('the last name is the repository, the others are its owner', () => {
  assert.deepEqual(repositoryNamed(['acme', 'app']), { owner: 'acme', name: 'app' })
  assert.deepEqual(repositoryNamed(['a', 'b', '.app.git']), { owner: 'a/b', name: '.app' })
  assert.deepEqual(repositoryNamed(['acme', '...']), { owner: 'acme', name: '...' })
})

test('nothing is a repository that would lead elsewhere at the Git host', () => {
  for (const path of [
    'app',
    'acme/',
    '/app',
    'acme//app',
    'acme/.git',
    'acme/.',
    'acme/..',
    '../app',
    './app',
    'acme/../app',
    'acme/./app',
    'acme/..git',
    'acme/...git',
    'acme/\ud800',
  ]) {
    assert.equal(repositoryNamed(path.split('/')), undefined, path)
  }
})
