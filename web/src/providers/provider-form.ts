import { useForm } from '@mantine/form'
import { useState } from 'react'
import type { ProviderKind } from '../../../src/contract/resources.ts'
import { isProblem, sortProblem } from '../app/problem.ts'
import { focusFault, showFaults } from '../parts/focus-fault.ts'

const fields = ['name', 'base_url', 'tenant']

const fieldOf = {
  'name-taken': 'name',
  'provider-exists': 'base_url',
  'provider-address-fixed': 'base_url',
  'provider-address-invalid': 'base_url',
  'provider-address-private': 'base_url',
  'provider-not-recognized': 'base_url',
  'provider-unavailable': 'base_url',
} as const

/** What is typed about a Git host. */
export interface ProviderValues {
  kind: ProviderKind
  name: string
  base_url: string
  tenant: string
}

export type ProviderForm = ReturnType<typeof useProviderForm>

/** The form of a Git host. An address inside the own network is asked about once more. */
export function useProviderForm(initialValues: ProviderValues) {
  const [problem, setProblem] = useState<string>()
  const [isPrivate, setPrivate] = useState(false)
  const [confirmed, setConfirmed] = useState(false)
  const form = useForm({
    initialValues,
    validate: {
      name: (name) => (name.trim() === '' ? 'Type a name, as people call this host.' : null),
      base_url: (address) =>
        /^https?:\/\/\S+$/.test(address.trim())
          ? null
          : 'Type the whole address, like https://git.example.com.',
      tenant: (tenant, { kind }) =>
        kind !== 'azure-devops' || /^([a-z0-9][a-z0-9.-]*)?$/i.test(tenant.trim())
          ? null
          : 'Type the tenant’s id or domain, like contoso.onmicrosoft.com.',
    },
    onValuesChange: (values, before) => {
      if (values.base_url === before.base_url) return
      setPrivate(false)
      setConfirmed(false)
    },
  })
  return {
    form,
    problem,
    isPrivate,
    confirmed,
    confirm: setConfirmed,
    /** Calls `save` with what was typed, once all of it can be right. */
    onSubmit: (save: (values: ProviderValues) => void) =>
      form.onSubmit(
        (values) => {
          setProblem(undefined)
          save(values)
        },
        () => focusFault(),
      ),
    /** Shows why it was not saved, each sentence at its field. */
    fail: (error: unknown) => {
      setPrivate(isPrivate || isProblem(error, 'provider-address-private'))
      const sorted = sortProblem(error, fieldOf, fields)
      showFaults(() => form.setErrors(sorted.fields))
      setProblem(sorted.form)
    },
  }
}
