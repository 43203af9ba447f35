using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.FileConfiguration;
using VhostSwitch.Control.Tests.CommandLine;

namespace VhostSwitch.Control.Tests.FileConfiguration;

public sealed class ConfigOptionTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Path => _folder.File("switch.json");

    [Fact]
    public void AFileTakesThePlaceOfTheDefaultSocket()
    {
        File.WriteAllText(Path, Files.Plain);
        var configuration = Line.Configuration($"-l 0 -- --config {Path} --ctl-socket {_folder.File("ctl")}");
        Assert.Empty(configuration.SocketPaths);
        Assert.Equal((Path, _folder.Path, false), (configuration.Config!.File.Path, configuration.Config.RunFolder, configuration.Config.File.IsNew));
    }

    [Fact]
    public void TheRunFolderIsTheOneThatIsNamed() => Assert.Equal("/r", ConfigTarget.Open(Path, "/r", controlSocket: "/tmp/ctl").RunFolder);

    [Fact]
    public void AFileThatIsNotThereYetIsNew() => Assert.True(Line.Configuration($"--config {Path}").Config!.File.IsNew);

    [Fact]
    public void AWrongFileIsAWrongCommandLine()
    {
        File.WriteAllText(Path, "{\n\"bridge\": []}");
        Assert.StartsWith($"--config {Path}:2: bridge: bridge is not known here; the nearest is bridges", Line.Error($"--config {Path}"));
    }

    [Theory]
    [InlineData("--ovsdb unix:/tmp/db", "--config and --ovsdb each have all bridges and ports: leave one of them out")]
    [InlineData("--socket-file /tmp/s", "--socket-file makes a port, and with --config the file has all of them: add it there with vhost-switch ctl add-port")]
    [InlineData("--dev-basename /tmp/s", "--dev-basename makes a port, and with --config the file has all of them: add it there with vhost-switch ctl add-port")]
    [InlineData("--mode vmdq", "--config has bridges, which are not for vmdq mode: leave out -p, -P, --vm2vm, --vlan-strip and --mode vmdq")]
    public void RefusesOtherPlacesForPorts(string option, string error) => Assert.Equal(error, Line.Error($"--config {Path} {option}"));

    [Fact]
    public void RefusesDevicesBesideIt() => Assert.StartsWith("--vdev net_null0 makes a port, and with --config", Line.Error($"--vdev net_null0 -- --config {Path}"));

    public void Dispose() => _folder.Dispose();
}
