using VhostSwitch.Linux;
using VhostSwitch.Vhost.User;

namespace VhostSwitch.Vhost.Tests.User;

public sealed class SocketPathTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vhost-").FullName;

    private string Path => System.IO.Path.Combine(_folder, "s");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void ReplacesASocketThatNobodyServes()
    {
        SocketPath.Listen(Path, 1).Dispose();
        Assert.True(UnixSocket.IsSocketFile(Path));
        using var socket = SocketPath.Listen(Path, 1);
    }

    [Fact]
    public void RefusesASocketThatIsServedAndNamesTheProcess()
    {
        using var socket = SocketPath.Listen(Path, 1);
        Assert.Contains($"already served by process {Environment.ProcessId}", Refused(Path), StringComparison.Ordinal);
    }

    [Fact]
    public void RefusesAndKeepsAFile()
    {
        File.WriteAllText(Path, "precious");
        Assert.Contains("a file that is not a socket", Refused(Path), StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(Path));
    }

    [Fact]
    public void RefusesAndKeepsALinkThatLeadsNowhere()
    {
        File.CreateSymbolicLink(Path, "/nowhere");
        Refused(Path);
        Assert.NotNull(new FileInfo(Path).LinkTarget);
    }

    [Fact]
    public void RefusesAndKeepsALinkToAStaleSocket()
    {
        string target = Path + "2";
        SocketPath.Listen(target, 1).Dispose();
        File.CreateSymbolicLink(Path, target);
        Refused(Path);
        Assert.True(UnixSocket.IsSocketFile(target));
    }

    [Fact]
    public void RefusesADirectory()
    {
        Directory.CreateDirectory(Path);
        Assert.Contains("a directory of that name", Refused(Path), StringComparison.Ordinal);
    }

    [Fact]
    public void RefusesAMissingDirectory() => Assert.Contains("there is no directory", Refused(System.IO.Path.Combine(_folder, "missing", "s")), StringComparison.Ordinal);

    [Fact]
    public void TakesAPathOfAHundredAndSevenBytesAndNoLonger()
    {
        string longest = Path + new string('x', UnixSocket.MaxPathBytes - Path.Length);
        using (SocketPath.Listen(longest, 1)) Assert.True(UnixSocket.IsSocketFile(longest));
        Assert.Contains("108 bytes, 107 are the most", Refused(longest + "x"), StringComparison.Ordinal);
    }

    [Fact]
    public void CountsBytesAndNotCharacters() => Assert.Contains("107 are the most", Refused(Path + new string('ä', 60)), StringComparison.Ordinal);

    private static string Refused(string path) => Assert.Throws<VhostException>(() => SocketPath.Listen(path, 1)).Message;
}
