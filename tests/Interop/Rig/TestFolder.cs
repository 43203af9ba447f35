namespace VhostSwitch.Interop.Rig;

/// <summary>A folder of one test's own, with a short path: the path of a Unix socket holds 107 bytes.</summary>
internal sealed class TestFolder : IDisposable
{
    private const int MaxSocketPath = 107;

    public string Path { get; } = Directory.CreateTempSubdirectory("vsw").FullName;

    /// <summary>The path of a file in this folder.</summary>
    /// <exception cref="ArgumentException">It is too long for a socket.</exception>
    public string File(string name)
    {
        string path = System.IO.Path.Combine(Path, name);
        if (System.Text.Encoding.UTF8.GetByteCount(path) > MaxSocketPath)
            throw new ArgumentException($"{path} is longer than the {MaxSocketPath} bytes of a socket's path: set TMPDIR to a shorter folder");
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
