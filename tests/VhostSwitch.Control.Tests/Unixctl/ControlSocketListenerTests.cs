using System.Net.Sockets;
using VhostSwitch.Control.Unixctl;

namespace VhostSwitch.Control.Tests.Unixctl;

public class ControlSocketListenerTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Socket => _folder.File("ctl");

    [Fact]
    public void OnlyItsUserMayConnect()
    {
        using var socket = ControlSocketListener.Listen(Socket);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Socket));
    }

    [Fact]
    public void ReplacesASocketThatNobodyServes()
    {
        LeaveStaleSocket(Socket);
        using var socket = ControlSocketListener.Listen(Socket);
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(Socket));
    }

    [Fact]
    public void NamesWhoServesItAlready()
    {
        using var first = ControlSocketListener.Listen(Socket);
        string message = Error(Socket);
        Assert.StartsWith($"the control socket {Socket} is served by process {Environment.ProcessId} (", message);
        Assert.Contains("--file-prefix", message);
    }

    [Fact]
    public void LeavesAFileThatIsNoSocket()
    {
        File.WriteAllText(Socket, "precious");
        Assert.Contains("something that is no socket is there", Error(Socket));
        Assert.Equal("precious", File.ReadAllText(Socket));
    }

    [Fact]
    public void LeavesADirectory()
    {
        Directory.CreateDirectory(Socket);
        Assert.Contains("something that is no socket is there", Error(Socket));
    }

    [Fact]
    public void LeavesALinkThatLeadsNowhere()
    {
        File.CreateSymbolicLink(Socket, _folder.File("nowhere"));
        Assert.StartsWith($"the control socket {Socket} cannot be made: ", Error(Socket));
        Assert.NotNull(new FileInfo(Socket).LinkTarget);
    }

    [Fact]
    public void NamesAMissingDirectory() => Assert.Contains($"there is no directory {_folder.File("missing")}", Error(_folder.File("missing/ctl")));

    [Fact]
    public void RefusesAPathOf108Bytes() => Assert.Contains("has 108 bytes; 1 to 107 are allowed", Error("/" + new string('a', 107)));

    [Fact]
    public void MakesTheDirectoryOfADefaultPlaceForItsUserAlone()
    {
        string path = _folder.File("new/ctl");
        var (socket, chosen) = ControlSocketListener.ListenOnFirst([path]);
        socket.Dispose();
        Assert.Equal(path, chosen);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_folder.File("new")));
    }

    [Fact]
    public void TakesTheNextPlaceWhereADirectoryCannotBeMade()
    {
        // A file in place of a directory stops root as well, which missing rights would not.
        File.WriteAllText(_folder.File("file"), "");
        var (socket, chosen) = ControlSocketListener.ListenOnFirst([_folder.File("file/ctl"), Socket]);
        socket.Dispose();
        Assert.Equal(Socket, chosen);
    }

    [Fact]
    public void DoesNotHideBehindTheNextPlaceWhenTheFirstIsServed()
    {
        using var first = ControlSocketListener.Listen(Socket);
        var error = Assert.Throws<UnixctlException>(() => ControlSocketListener.ListenOnFirst([Socket, _folder.File("other")]));
        Assert.Contains("is served by process", error.Message);
    }

    [Fact]
    public void SaysWhatToDoWhenThereIsNoPlace()
    {
        File.WriteAllText(_folder.File("file"), "");
        var error = Assert.Throws<UnixctlException>(() => ControlSocketListener.ListenOnFirst([_folder.File("file/ctl")]));
        Assert.Contains("name one with --ctl-socket PATH, or set XDG_RUNTIME_DIR", error.Message);
    }

    [Theory]
    [InlineData("/run/user/7", new[] { "/run/vhost-switch/rte.ctl", "/run/user/7/vhost-switch/rte.ctl" })]
    [InlineData(null, new[] { "/run/vhost-switch/rte.ctl" })]
    [InlineData("", new[] { "/run/vhost-switch/rte.ctl" })]
    [InlineData("relative", new[] { "/run/vhost-switch/rte.ctl" })]
    public void LooksInTwoPlaces(string? userDirectory, string[] places) =>
        Assert.Equal(places, ControlSocketPath.Defaults("rte", ControlSocketPath.SystemDirectory, userDirectory));

    public void Dispose() => _folder.Dispose();

    private static string Error(string path) => Assert.Throws<UnixctlException>(() => ControlSocketListener.Listen(path)).Message;

    // Closing a .NET socket removes its file; a process that is killed leaves it. The file of a renamed socket stays.
    private static void LeaveStaleSocket(string path)
    {
        string born = path + "-born";
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            socket.Bind(new UnixDomainSocketEndPoint(born));
            File.Move(born, path);
        }
        Assert.True(File.Exists(path));
    }
}
