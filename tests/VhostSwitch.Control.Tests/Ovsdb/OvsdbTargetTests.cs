using VhostSwitch.Control.Ovsdb;
using VhostSwitch.Control.Tests.CommandLine;

namespace VhostSwitch.Control.Tests.Ovsdb;

public class OvsdbTargetTests
{
    [Fact]
    public void TheRunDirectoryIsTheSocketsFolder() => Assert.Equal(new OvsdbTarget("/run/openvswitch/db.sock", "/run/openvswitch"), OvsdbTarget.Parse("unix:/run/openvswitch/db.sock", null));

    [Fact]
    public void TheVariableOfOpenVswitchNamesAnother() => Assert.Equal("/run/x", OvsdbTarget.Parse("unix:/run/openvswitch/db.sock", "/run/x").RunFolder);

    [Fact]
    public void WithADatabaseThereIsNoSocketByDefault() => Assert.Empty(Line.Configuration("--ovsdb unix:/a/db.sock").SocketPaths);

    [Theory]
    [InlineData("--ovsdb tcp:127.0.0.1:6640", "unix:PATH is allowed")]
    [InlineData("--ovsdb unix:", "bytes are allowed")]
    [InlineData("--ovsdb unix:/a --socket-file b", "--socket-file makes a port")]
    [InlineData("--ovsdb unix:/a --dev-basename b", "--dev-basename makes a port")]
    [InlineData("--vdev net_null0 -- --ovsdb unix:/a", "--vdev net_null0 makes a port")]
    [InlineData("--ovsdb unix:/a --client", "give them the type dpdkvhostuserclient")]
    [InlineData("--ovsdb unix:/a --mode vmdq", "not for vmdq mode")]
    [InlineData("--ovsdb unix:/a -p 0x1", "not for vmdq mode")]
    public void RefusesWhatDoesNotFit(string line, string sentence) => Assert.Contains(sentence, Line.Error(line));
}
