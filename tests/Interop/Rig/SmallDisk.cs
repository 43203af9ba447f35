namespace VhostSwitch.Interop.Rig;

/// <summary>A file system that is soon full.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private SmallDisk(string path) => Path = path;

    public string Path { get; }

    public static async Task<SmallDisk> MountAsync(string path, int kilobytes)
    {
        Directory.CreateDirectory(path);
        await RunAsync("mount", "-t", "tmpfs", "-o", $"size={kilobytes}k", "tmpfs", path);
        return new SmallDisk(path);
    }

    public Task ResizeAsync(int kilobytes) => RunAsync("mount", "-o", $"remount,size={kilobytes}k", Path);

    public async ValueTask DisposeAsync() => await RunAsync("umount", Path);

    private static Task RunAsync(string program, params string[] arguments) => ChildProcess.RunAsync(program, program, arguments, Limits.Step);
}
