using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Configuration;

namespace VhostSwitch.Control.FileConfiguration;

/// <summary>
/// Has a switch do what its configuration file says, and keeps what commands change. A change is carried out whole and kept, or neither: what
/// cannot be made is taken back, and the file stays as it was. Runs on service threads.
/// </summary>
public sealed class ConfigSession
{
    private readonly ConfigFile _file;
    private readonly IConfigurable _switch;
    private readonly Action<LogLevel, string> _log;

    // Changes one after the other, the start first.
    private readonly SemaphoreSlim _free = new(0, 1);
    private SwitchReport? _report;

    /// <summary>Makes a session that has done nothing yet. Changes wait for <see cref="StartAsync"/>.</summary>
    /// <param name="file">The file.</param>
    /// <param name="configurable">The switch.</param>
    /// <param name="log">Takes each line that people should read; called on any thread.</param>
    public ConfigSession(ConfigFile file, IConfigurable configurable, Action<LogLevel, string> log)
    {
        _file = file;
        _switch = configurable;
        _log = log;
    }

    /// <summary>Carries out what the file says. What cannot be made says so in the log and in <c>show</c>, and the rest works.</summary>
    public async Task StartAsync()
    {
        if (_file.IsNew)
        {
            _log(LogLevel.Info, $"config: {_file.Path}: not there yet, so there are no bridges; "
                + "'vhost-switch ctl add-br' makes the first, and the file");
        }
        _report = await ApplyAsync(_file.Root).ConfigureAwait(false);
        foreach (string note in Notes(null, _report))
            _log(LogLevel.Warning, $"config: {note}");
        _free.Release();
    }

    /// <summary>Changes the configuration.</summary>
    /// <param name="edit">Makes the new configuration of the present one.</param>
    /// <returns>What has no effect, a line each; nothing where all has.</returns>
    /// <exception cref="ConfigException">The change is none, or cannot be carried out or kept. Everything is as before.</exception>
    internal Task<string> ChangeAsync(Func<ConfigRecord, ConfigRecord> edit) => ExchangeAsync(() =>
    {
        var root = edit(_file.Root);
        if (root.Fault() is var (where, what)) throw new ConfigException($"{where.Table} {where.Name}: {what}");
        return _file.Prepare(root);
    });

    /// <summary>Takes over what people have written into the file.</summary>
    /// <returns>What has no effect, a line each; nothing where all has.</returns>
    /// <exception cref="ConfigException">The file is wrong, or cannot be carried out. The switch is as before.</exception>
    internal Task<string> ReloadAsync() => ExchangeAsync(_file.Reload);

    private async Task<string> ExchangeAsync(Func<ConfigFile.Reading> read)
    {
        await _free.WaitAsync().ConfigureAwait(false);
        try
        {
            using var next = read();
            var before = _report!;
            var after = await ApplyAsync(next.Root).ConfigureAwait(false);
            try
            {
                if (Faults(before, after) is { Count: > 0 } faults) throw new ConfigException(string.Join("\n", faults));
                next.Commit();
            }
            catch (ConfigException)
            {
                _report = await ApplyAsync(_file.Root).ConfigureAwait(false);
                throw;
            }
            _report = after;
            return string.Join("\n", Notes(before, after));
        }
        finally
        {
            _free.Release();
        }
    }

    private Task<SwitchReport> ApplyAsync(ConfigRecord root) => _switch.ConfigureAsync(ConfigRows.Wanted(root, _report));

    // What could not be made before cannot be the fault of this change.
    private static List<string> Faults(SwitchReport before, SwitchReport after)
    {
        var interfaces = from entry in after.Interfaces
                         where entry.Value.OfPort == InterfaceReport.NoPort && entry.Value.Error is not null
                         where before.Interfaces.GetValueOrDefault(entry.Key)?.Error != entry.Value.Error
                         orderby entry.Key
                         select entry.Value.Error;
        var bridges = from entry in after.Bridges
                      let error = entry.Value.Status.GetValueOrDefault(PlannedBridge.Error)
                      where error is not null && before.Bridges.GetValueOrDefault(entry.Key)?.Status.GetValueOrDefault(PlannedBridge.Error) != error
                      orderby entry.Key
                      select $"{entry.Key}: {error}";
        return [.. bridges, .. interfaces];
    }

    private static List<string> Notes(SwitchReport? before, SwitchReport after)
    {
        var interfaces = from entry in after.Interfaces
                         where entry.Value.OfPort != InterfaceReport.NoPort && entry.Value.Error is not null
                         where before?.Interfaces.GetValueOrDefault(entry.Key)?.Error != entry.Value.Error
                         orderby entry.Key
                         select $"{entry.Key}: {entry.Value.Error}";
        var bridges = from entry in after.Bridges
                      from status in entry.Value.Status
                      where status.Key != PlannedBridge.Error
                      where before?.Bridges.GetValueOrDefault(entry.Key)?.Status.GetValueOrDefault(status.Key) != status.Value
                      orderby entry.Key, status.Key
                      select $"{entry.Key}: {status.Key}: {status.Value}";
        return [.. bridges, .. interfaces];
    }
}
