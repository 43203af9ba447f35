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

    public IReadOnlyList<string> MoreArguments { get; init; } = [];

    public IEnumerable<string> ToArguments(GuestImage image, TestFolder folder, string shellSocket)
    {
        // panic=0: a crashed guest stays where it is, and the console in the failure's text says why.
        // no_timer_check: a guest that gets too little of a busy processor takes its timer for broken, and gives up.
        List<string> arguments =
        [
            "-name", Name, "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none",
            "-accel", "tcg", "-cpu", "max", "-m", $"{MemoryMiB}M", "-smp", $"{Cpus}",
            "-kernel", image.Kernel, "-initrd", image.Initramfs,
            "-append", "console=ttyS0 quiet loglevel=4 panic=0 random.trust_cpu=on mitigations=off no_timer_check",
            "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-chardev", $"socket,id=shell,path={shellSocket},server=on,wait=off", "-serial", "chardev:shell",
        ];
        string? backend = Memory switch
        {
            GuestMemory.Memfd => "memory-backend-memfd,share=on",
            GuestMemory.SharedFile => $"memory-backend-file,mem-path={folder.File(Name + ".mem")},share=on",
            GuestMemory.PrivateFile => $"memory-backend-file,mem-path={folder.File(Name + ".mem")},share=off",
            _ => null,
        };
        if (backend is not null)
            arguments.AddRange(["-object", $"{backend},id=mem,size={MemoryMiB}M", "-numa", "node,memdev=mem"]);
        for (int i = 0; i < Nics.Count; i++)
            arguments.AddRange(Nics[i].ToArguments(i));
        arguments.AddRange(MoreArguments);
        return arguments;
    }
}
