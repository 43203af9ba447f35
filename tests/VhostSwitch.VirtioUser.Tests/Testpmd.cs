using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using VhostSwitch.Linux;

namespace VhostSwitch.VirtioUser.Tests;

/// <summary>DPDK's own back-end: two <c>net_vhost</c> ports joined by <c>dpdk-testpmd</c>, without huge pages.</summary>
internal sealed class Testpmd : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();

    public Testpmd(string folder, string? moreOptions = null, int queues = 1)
    {
        Sockets = [Path.Combine(folder, "v0"), Path.Combine(folder, "v1")];
        // Both logical cores on one processor: the main one only waits.
        int cpu = CpuAffinity.Current()[0];
        var start = new ProcessStartInfo("dpdk-testpmd")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        foreach (string argument in (string[])[
            "--lcores", $"0@{cpu},1@{cpu}", "--no-huge", "-m", "256", "--no-pci", "--no-shconf", "--no-telemetry",
            "--file-prefix", Path.GetFileName(folder),
            "--vdev", $"net_vhost0,iface={Sockets[0]},queues={queues}", "--vdev", $"net_vhost1,iface={Sockets[1]},queues={queues}",
            "--", "--nb-cores=1", "--forward-mode=io", "--no-mlockall", "--disable-link-check", "--total-num-mbufs=16384", "--burst=32",
            .. moreOptions?.Split(' ') ?? []])
            start.ArgumentList.Add(argument);
        start.Environment["XDG_RUNTIME_DIR"] = folder;
        try
        {
            _process = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException($"dpdk-testpmd cannot be started ({e.Message}): install the package dpdk", e);
        }
        _process.OutputDataReceived += (_, line) => Add(line.Data);
        _process.ErrorDataReceived += (_, line) => Add(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        if (!SpinWait.SpinUntil(() => _process.HasExited || Array.TrueForAll(Sockets, File.Exists), TimeSpan.FromSeconds(60)) || _process.HasExited)
        {
            string output = Output;
            Dispose();
            throw new InvalidOperationException($"dpdk-testpmd did not make its sockets:\n{output}");
        }
    }

    public string[] Sockets { get; }

    public string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    /// <summary>Ends it as a crash would.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            try
            {
                // It runs until a key is pressed.
                _process.StandardInput.WriteLine();
            }
            catch (IOException)
            {
                // It has just ended.
            }
            if (!_process.WaitForExit(5000)) Kill();
        }
        _process.Dispose();
    }

    private void Add(string? line)
    {
        lock (_output) _output.AppendLine(line);
    }
}
