namespace VhostSwitch.Interop.Rig;

/// <summary>Where QEMU has the guest's memory, which decides whether the switch can see it.</summary>
internal enum GuestMemory
{
    /// <summary>memory-backend-memfd: shared.</summary>
    Memfd,

    /// <summary>The same in huge pages of 2 MiB.</summary>
    HugePages,

    /// <summary>The same in huge pages of 1 GiB.</summary>
    GiganticPages,

    /// <summary>memory-backend-file with share=on: shared.</summary>
    SharedFile,

    /// <summary>memory-backend-file with share=off: QEMU passes a valid descriptor, but the guest writes to copies of its pages.</summary>
    PrivateFile,

    /// <summary>No memory-backend, only -m: there is nothing to pass.</summary>
    Anonymous,
}
