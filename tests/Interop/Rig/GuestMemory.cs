namespace VhostSwitch.Interop.Rig;

/// <summary>Where QEMU has the guest's memory, which decides whether the switch can see it.</summary>
internal enum GuestMemory
{
    /// <summary>memory-backend-memfd: shared.</summary>
    Memfd,

    /// <summary>memory-backend-file with share=on: shared.</summary>
    SharedFile,

    /// <summary>memory-backend-file with share=off: QEMU passes a valid descriptor, but the guest writes to copies of its pages.</summary>
    PrivateFile,

    /// <summary>No memory-backend, only -m: there is nothing to pass.</summary>
    Anonymous,
}
