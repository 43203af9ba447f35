using Xunit;

namespace VhostSwitch.Interop.Rig;

/// <summary>
/// A test with a folder of its own and counterparts that are ended with it, the latest started first. A failed test shows
/// what every one of them said.
/// </summary>
public abstract class InteropTest : IAsyncLifetime
{
    private readonly List<IAsyncDisposable> _counterparts = [];
    private readonly List<Func<IEnumerable<Transcript>>> _transcripts = [];

    private protected TestFolder Folder { get; } = new();

    /// <summary>Prepares what the tests of the class share.</summary>
    public virtual ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>Ends the counterparts.</summary>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _counterparts.Reverse();
        foreach (IAsyncDisposable counterpart in _counterparts)
            await counterpart.DisposeAsync();
        if (TestContext.Current.TestState?.Result == TestResult.Failed)
            ShowTranscripts();
        Folder.Dispose();
    }

    /// <summary>Writes what every counterpart said into the running test's output.</summary>
    private protected void ShowTranscripts()
    {
        foreach (Transcript transcript in _transcripts.SelectMany(transcripts => transcripts()))
            TestContext.Current.TestOutputHelper?.WriteLine(transcript.ToString());
    }

    private protected async Task<SwitchProcess> StartSwitchAsync(SwitchOptions options)
    {
        SwitchProcess program = Own(SwitchProcess.Start(Folder, options), p => [p.Transcript]);
        await program.WaitUntilServingAsync();
        return program;
    }

    /// <summary>Starts the switch where a killed one has left its sockets.</summary>
    private protected async Task<SwitchProcess> StartSwitchAgainAsync(SwitchOptions options)
    {
        SwitchProcess program = Own(SwitchProcess.Start(Folder, options), p => [p.Transcript]);
        await program.WaitUntilAnsweringAsync();
        return program;
    }

    /// <summary>Starts the switch with a command line word by word; <paramref name="sockets"/> are those that it asks for.</summary>
    private protected async Task<SwitchProcess> StartSwitchCommandAsync(NetworkNamespace? place, IEnumerable<string> arguments, params string[] sockets)
    {
        SwitchProcess program = Own(SwitchProcess.StartWith(Folder, arguments, sockets, place: place), p => [p.Transcript]);
        await program.WaitUntilServingAsync();
        return program;
    }

    private protected async Task<NetworkNamespace> MakeNamespaceAsync() => Own(await NetworkNamespace.CreateAsync(), _ => []);

    private protected async Task<Testpmd> StartTestpmdAsync(TestpmdOptions options)
    {
        Testpmd testpmd = Own(Testpmd.Start(Folder, options), t => [t.Transcript]);
        await testpmd.WaitUntilReadyAsync();
        return testpmd;
    }

    /// <summary>Starts a guest without waiting for its boot: several boot side by side.</summary>
    private protected async Task<QemuGuest> StartGuestAsync(QemuGuestOptions options)
    {
        GuestImage image = await GuestImage.GetAsync();
        return Own(QemuGuest.Start(Folder, image, options), g => g.Transcripts);
    }

    private protected async Task<OpenVswitch> StartOpenVswitchAsync()
    {
        OpenVswitch openVswitch = Own(OpenVswitch.Create(Folder), o => o.Transcripts);
        await openVswitch.StartAsync();
        return openVswitch;
    }

    private protected T Own<T>(T counterpart, Func<T, IEnumerable<Transcript>> transcripts)
        where T : IAsyncDisposable
    {
        _counterparts.Add(counterpart);
        _transcripts.Add(() => transcripts(counterpart));
        return counterpart;
    }
}
