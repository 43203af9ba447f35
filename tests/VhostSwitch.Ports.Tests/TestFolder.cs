namespace VhostSwitch.Ports.Tests;

/// <summary>A folder of one test's own.</summary>
internal sealed class TestFolder : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("vsp").FullName;

    public string File(string name) => Path.Combine(_path, name);

    public string With(string name, byte[] content)
    {
        System.IO.File.WriteAllBytes(File(name), content);
        return File(name);
    }

    public void Dispose() => Directory.Delete(_path, recursive: true);
}
