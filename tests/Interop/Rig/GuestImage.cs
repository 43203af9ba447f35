namespace VhostSwitch.Interop.Rig;

/// <summary>The guest's kernel and initial file system, built once per test run by tests/guest/build-image.sh.</summary>
internal sealed record GuestImage(string Kernel, string Initramfs)
{
    private static readonly Lazy<Task<GuestImage>> Built = new(BuildAsync);

    public static Task<GuestImage> GetAsync() => Built.Value;

    private static async Task<GuestImage> BuildAsync()
    {
        string cache = Repository.GuestImageCache;
        await ChildProcess.RunAsync("build-image.sh", "sh", [Repository.GuestImageScript, cache], Limits.ImageBuild);
        return new GuestImage(Path.Combine(cache, "vmlinuz"), Path.Combine(cache, "initramfs.cpio.gz"));
    }
}
