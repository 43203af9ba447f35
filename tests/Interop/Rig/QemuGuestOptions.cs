namespace VhostSwitch.Interop.Rig;

/// <summary>One Linux guest.</summary>
internal sealed record QemuGuestOptions
{
    /// <summary>What it is in the test: a word, for messages and for the names of its files.</summary>
    public required string Name { get; init; }

    public IReadOnlyList<GuestNic> Nics { get; init; } = [];

    public GuestMemory Memory { get; init; } = GuestMemory.Memfd;

    public int MemoryMiB { get; init; } = 256;

    public int Cpus { get; init; } = 1;

    /// <summary>The guest can read the files of this machine, all of them, and run its programs: "host-root PROGRAM" in its shell.</summary>
    public bool SharesHostFiles { get; init; }

    /// <summary>QEMU can be asked and told things by <see cref="QemuGuest.Monitor"/>.</summary>
    public bool HasMonitor { get; init; }

    /// <summary>
    /// The guest is to move to another QEMU, and has 8 KiB more memory for it. With a round number QEMU 7.2 loses stores of its emulated
    /// processors meanwhile, with no vhost device as well: of 13 guests that hashed files 2 ended in kernel faults, and none of 13 with the
    /// 8 KiB. The likely reason: where memory is a multiple of 64 pages, it clears the marks of 64 changed pages at once, and the
    /// processors go on as if they were set.
    /// </summary>
    public bool Moves { get; init; }

    /// <summary>The socket at which QEMU waits for a guest that another QEMU sends; none: it boots one.</summary>
    public string? Incoming { get; init; }

    /// <summary>The memory that the guest can grow to by up to <see cref="MemorySlots"/> modules; 0: it cannot.</summary>
    public int MaxMemoryMiB { get; init; }

    public int MemorySlots { get; init; } = 4;

    /// <summary>The network namespace that QEMU is started in; null for the host's.</summary>
    public NetworkNamespace? Namespace { get; init; }

    public IReadOnlyList<string> MoreArguments { get; init; } = [];

    private string MemorySize => Moves ? $"{(MemoryMiB << 10) + 8}K" : $"{MemoryMiB}M";

    public IEnumerable<string> ToArguments(GuestImage image, TestFolder folder, string shellSocket, string monitorSocket)
    {
        // debug-threads: threads have names, "CPU 0/TCG" those of the guest's processors.
        // panic=0: a crashed guest stays where it is, and the console in the failure's text says why.
        // no_timer_check: a guest that gets too little of a busy processor takes its timer for broken, and gives up.
        List<string> arguments =
        [
            "-name", $"{Name},debug-threads=on", "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none",
            "-accel", "tcg", "-cpu", "max", "-m", MaxMemoryMiB > 0 ? $"{MemorySize},slots={MemorySlots},maxmem={MaxMemoryMiB}M" : MemorySize, "-smp", $"{Cpus}",
            "-kernel", image.Kernel, "-initrd", image.Initramfs,
            "-append", "console=ttyS0 quiet loglevel=4 panic=0 random.trust_cpu=on mitigations=off no_timer_check",
            "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-chardev", $"socket,id=shell,path={shellSocket},server=on,wait=off", "-serial", "chardev:shell",
        ];
        string? backend = Memory switch
        {
            GuestMemory.Memfd => "memory-backend-memfd,share=on",
            GuestMemory.HugePages => "memory-backend-memfd,share=on,hugetlb=on,hugetlbsize=2M",
            GuestMemory.GiganticPages => "memory-backend-memfd,share=on,hugetlb=on,hugetlbsize=1G",
            GuestMemory.SharedFile => $"memory-backend-file,mem-path={folder.File(Name + ".mem")},share=on",
            GuestMemory.PrivateFile => $"memory-backend-file,mem-path={folder.File(Name + ".mem")},share=off",
            _ => null,
        };
        if (backend is not null)
            arguments.AddRange(["-object", $"{backend},id=mem,size={MemorySize}", "-numa", "node,memdev=mem"]);
        if (SharesHostFiles)
            arguments.AddRange(["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"]);
        if (HasMonitor)
            arguments.AddRange(["-chardev", $"socket,id=monitor,path={monitorSocket},server=on,wait=off", "-mon", "chardev=monitor,mode=control"]);
        if (Incoming is not null)
            arguments.AddRange(["-incoming", $"unix:{Incoming}"]);
        for (int i = 0; i < Nics.Count; i++)
            arguments.AddRange(Nics[i].ToArguments(i));
        arguments.AddRange(MoreArguments);
        return arguments;
    }
}
