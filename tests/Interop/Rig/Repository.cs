namespace VhostSwitch.Interop.Rig;

/// <summary>Where things are in the source tree that the tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>The program under test. VHOSTSWITCH_PROGRAM names another build of it.</summary>
    public static string SwitchProgram =>
        Environment.GetEnvironmentVariable("VHOSTSWITCH_PROGRAM") ?? Path.Combine(Root, "artifacts", "bin", "vhost-switch", "release", "vhost-switch");

    /// <summary>This project's testpmd.</summary>
    public static string TestpmdProgram => Path.Combine(Root, "artifacts", "bin", "testpmd", "release", "testpmd");

    public static string GuestImageScript => Path.Combine(Root, "tests", "guest", "build-image.sh");

    /// <summary>Downloads and what is built from them; ignored by git.</summary>
    public static string GuestImageCache => Path.Combine(Root, ".cache", "guest");

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "VhostSwitch.slnx")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException($"no VhostSwitch.slnx above {AppContext.BaseDirectory}");
    }
}
